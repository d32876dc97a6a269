"""The pages about one municipality, and about which one is meant."""

from typing import Any

from streaming.domain import growth, municipalities
from streaming.domain.cells import BANDS
from streaming.jobs import bands, monthly
from streaming.panel import brazilian, drawing, figures, search
from streaming.panel.snapshot import Snapshot, place_of


def page(snapshot: Snapshot, place: str) -> dict[str, Any] | None:
    """Return all that is known of a municipality; None: it is neither one nor in the features."""
    cidade, _, uf = place.rpartition("/")
    official = municipalities.official().get((cidade, uf))
    features = next((f for f in snapshot.municipalities if f.key == place), None)
    if features is None:
        return None if official is None else {"place": place, "official": official, "features": None}
    ranked = figures.ranked(
        snapshot, by="quantidade_empresas", period=figures.Period(), estado=None, states=False
    )
    own = next(r for r in ranked if r.municipio == place)
    in_state = [r for r in ranked if r.municipio.endswith(f"/{uf}")]
    grown = figures.grown(snapshot)
    own_growth = next((g for g in grown.lugares if g.lugar == place), None) if grown else None
    months = monthly.series(snapshot.months[place].openings, snapshot.months[place].capital)
    peak = max(month.quantidade_empresas for month in months)
    return {
        "place": place,
        "official": official,
        "features": features,
        "ranked": own,
        "municipalities": len(ranked),
        "in_state": len(in_state),
        "neighbours": figures.around(ranked, place),
        "grown": grown,
        "growth": own_growth,
        "interval": (
            growth.interval(own_growth.a, own_growth.b)
            if own_growth and own_growth.crescimento is not None
            else None
        ),
        "months": months,
        "ceiling": drawing.nice_ceiling(peak),
        "bands": bands.shares_of([snapshot.bands.get(place, {})]),
        "band_names": BAND_NAMES,
    }


def search_page(snapshot: Snapshot, typed: str) -> dict[str, Any]:
    """Return the places that may be meant, and what to say where there is none."""
    matches = search.matching(snapshot, typed) if typed.strip() else []
    return {
        "typed": typed,
        "matches": matches,
        "is_certain": search.is_certain(matches, typed),
        "empty": [] if matches else search.without_openings(typed),
        "suggestion": None if matches else search.suggestion(typed),
    }


def suggestions(snapshot: Snapshot, typed: str) -> list[str]:
    """Return the places that may be meant, as they are written."""
    return [place_of(f) for f in search.matching(snapshot, typed, 8)]


def _band_name(band: str) -> str:
    """Return the name of a capital band for people."""
    bound = band.rpartition("_")[2]
    if band == BANDS[0]:
        return "sem capital (R$ 0)"
    return (
        "até " if band != BANDS[-1] else "acima de "
    ) + f"R$\N{NO-BREAK SPACE}{brazilian.number(int(bound))}"


BAND_NAMES = {band: _band_name(band) for band in BANDS}
