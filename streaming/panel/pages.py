"""The pages about many places: map, ranking, growth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from streaming.domain import growth, municipalities
from streaming.domain.growth import Growth
from streaming.jobs.crescimento import Crescimento
from streaming.jobs.ranking import Ranked
from streaming.panel import brazilian, drawing, figures
from streaming.panel.asked import Asked
from streaming.panel.drawing import Bubble
from streaming.panel.figures import GROWTH, PER_PEOPLE
from streaming.panel.snapshot import Snapshot

ROWS = 100
"""Rows of a table on one page."""
GROWTH_SHADES = (-0.10, 0.0, 0.10, 0.25)

LABELS = {
    "quantidade_empresas": "Empresas abertas",
    "capital_social_total": "Capital social total",
    "capital_social_medio": "Capital social médio",
    PER_PEOPLE: "Aberturas por 10 mil habitantes",
    GROWTH: "Crescimento mínimo (95 %)",
}


def shown(column: str, value: float | Decimal | None) -> str:
    """Return a figure of a feature as people read it."""
    if column == GROWTH:
        return brazilian.percent(value)
    if column.startswith("capital"):
        return brazilian.reais(None if value is None else Decimal(value))
    return brazilian.number(value, 2 if column == PER_PEOPLE else 0)


def address(place: str) -> str:
    """Return the address of the page of a municipality, or of the ranking of a state."""
    cidade, _, uf = place.rpartition("/")
    if not cidade:
        return f"/ranking?estado={quote(uf)}"
    return f"/municipio/{quote(cidade, safe='', errors='surrogateescape')}/{quote(uf, safe='')}"


@dataclass(frozen=True)
class Pages:
    """A table cut into pages: the rows of one, its number, and how many there are."""

    rows: Sequence[Any]
    page: int
    pages: int
    total: int

    @classmethod
    def of(cls, rows: Sequence[Any], page: int) -> "Pages":
        """Return this page of these rows, or the last one."""
        pages = max(1, -(-len(rows) // ROWS))
        page = min(page, pages)
        return cls(rows[(page - 1) * ROWS : page * ROWS], page, pages, len(rows))


def map_page(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """Return the map: outlines, and a bubble for each municipality with coordinates."""
    bounds: Sequence[float]
    values: Mapping[str, float | Decimal]
    if asked.por == GROWTH:
        grown = _grown(snapshot, asked, states=False)
        certain = [g for g in grown.lugares if g.crescimento_minimo is not None] if grown else []
        values = {g.lugar: g.crescimento_minimo or 0.0 for g in certain}
        sizes = {g.lugar: float(g.a) for g in certain}
        texts = {g.lugar: _grown_text(g) for g in certain}
        bounds = GROWTH_SHADES
    else:
        ranked = figures.ranked(
            snapshot, by=asked.por, period=asked.period, estado=asked.estado, states=False
        )
        values = {r.municipio: getattr(r, asked.por) for r in ranked}
        sizes = {place: float(value) for place, value in values.items()}
        texts = {r.municipio: _ranked_text(r) for r in ranked}
        bounds = drawing.quantiles(sizes.values())
        grown = None
    box = drawing.box(asked.estado)
    largest = max(sizes.values(), default=0.0)
    official = {m.key: m for m in municipalities.every()}
    bubbles = [
        Bubble(
            place,
            *drawing.point(official[place].longitude, official[place].latitude),
            drawing.radius(sizes[place], largest, box.width),
            drawing.shade(float(value), bounds),
            texts[place],
        )
        for place, value in values.items()
        if place in official
    ]
    bubbles.sort(key=lambda bubble: -bubble.radius)  # small ones above large ones
    leaders = sorted(bubbles, key=lambda b: (-values[b.place], b.place))[:10]
    return {
        "box": box,
        "bubbles": bubbles,
        "leaders": [(b.place, shown(asked.por, values[b.place])) for b in leaders],
        "outside": len(values) - len(bubbles),
        "legend": _legend(asked.por, bounds),
        "grown": grown,
        "total": figures.country(asked.period, snapshot),
    }


def ranking_page(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """Return the municipalities or states in descending order, with the length of each one's bar."""
    ranked = figures.ranked(
        snapshot, by=asked.por, period=asked.period, estado=asked.estado, states=asked.states
    )
    values = {r.municipio: float(getattr(r, asked.por)) for r in ranked}
    largest = max(values.values(), default=0.0) or 1.0
    whole = figures.over(asked.period, snapshot, states=asked.states)
    of_state = [f for f in whole if asked.estado in (None, f.estado)]
    return {
        "ranked": ranked,
        "table": Pages.of(ranked, asked.pagina),
        "lengths": {place: value / largest * 100 for place, value in values.items()},
        "companies": sum(f.quantidade_empresas for f in of_state),
        "capital": sum((f.capital_social_total for f in of_state), Decimal("0.00")),
    }


def growth_page(snapshot: Snapshot, asked: Asked) -> dict[str, Any]:
    """Return which places grow, with the interval of each one's growth at 95 %."""
    grown = _grown(snapshot, asked, states=asked.states)
    places = grown.lugares if grown else []
    table = Pages.of(places, asked.pagina)
    intervals = {g.lugar: growth.interval(g.a, g.b) for g in table.rows if g.crescimento is not None}
    # The axis shows most intervals whole; the few that end far to the right are cut.
    highs = sorted(high for _, high in intervals.values())
    right = drawing.nice_ceiling(max(highs[len(highs) * 9 // 10] if highs else 1.0, 0.1))
    left = min((low for low, _ in intervals.values()), default=0.0)
    left = -0.25 if left > -0.25 else -0.5 if left > -0.5 else -1.0
    return {
        "grown": grown,
        "rows": places,
        "table": table,
        "intervals": intervals,
        "axis": (left, right),
        "floor": growth.FLOOR,
    }


def _grown(snapshot: Snapshot, asked: Asked, *, states: bool) -> Crescimento | None:
    return figures.grown(
        snapshot,
        months=asked.meses,
        estado=asked.estado,
        adjacent=asked.adjacent,
        last=asked.period.ate,
        states=states,
    )


def _legend(por: str, bounds: Sequence[float]) -> list[str]:
    """Return what each shade of the map means."""
    if not bounds:
        return []
    if por == GROWTH:
        texts = [brazilian.percent(bound, 0) for bound in bounds]
    else:
        unit = "R$" if por.startswith("capital") else ""
        texts = [brazilian.short(bound, unit) for bound in bounds]
    middle = [f"{low} a {high}" for low, high in pairwise(texts)]
    return [f"menos de {texts[0]}", *middle, f"{texts[-1]} ou mais"]


def _ranked_text(r: Ranked) -> str:
    people = r.aberturas_por_10mil_hab
    parts = [
        f"{brazilian.number(r.quantidade_empresas)} empresas",
        f"capital {brazilian.reais(r.capital_social_total)}",
        f"média {brazilian.reais(r.capital_social_medio)}",
        f"{brazilian.number(people, 2)} por 10 mil hab." if people is not None else "",
    ]
    return " · ".join(part for part in parts if part)


def _grown_text(g: Growth) -> str:
    return (
        f"{brazilian.number(g.a)} aberturas, antes {brazilian.number(g.b)} · "
        f"cresce {brazilian.percent(g.crescimento)}, ao menos {brazilian.percent(g.crescimento_minimo)}"
    )
