"""The figures of places over some months, and what the map shows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from streaming.domain.cells import CENT, Sums
from streaming.domain.features import Features
from streaming.jobs import crescimento as growth_job
from streaming.jobs import ranking as ranking_job
from streaming.jobs.crescimento import Crescimento
from streaming.jobs.places import BRAZIL
from streaming.jobs.ranking import By, Ranked
from streaming.panel.snapshot import Months, Snapshot, place_of

PER_PEOPLE = "aberturas_por_10mil_hab"
GROWTH = "crescimento_minimo"
COLUMNS: tuple[By, ...] = ("quantidade_empresas", "capital_social_total", "capital_social_medio")


@dataclass(frozen=True)
class Period:
    """The months from `de` to `ate` (AAAA-MM); None: from the first, to the last."""

    de: str | None = None
    ate: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.de is None and self.ate is None

    def has(self, month: str) -> bool:
        """Return whether a month is in it."""
        return (self.de or month) <= month <= (self.ate or month)


def over(period: Period, snapshot: Snapshot, *, states: bool) -> list[Features]:
    """Return the features of every municipality, or state, with openings in a period."""
    every = snapshot.states if states else snapshot.municipalities
    if period.is_all:
        return list(every)
    months = snapshot.months
    counted = ((f, _sums(period, months[place_of(f)])) for f in every if place_of(f) in months)
    return [_with(f, sums) for f, sums in counted if sums.companies]


def country(period: Period, snapshot: Snapshot) -> Features | None:
    """Return the features of the country in a period; None: it had no openings."""
    if snapshot.country is None or period.is_all:
        return snapshot.country
    sums = _sums(period, snapshot.months[BRAZIL])
    return _with(snapshot.country, sums) if sums.companies else None


def ranked(
    snapshot: Snapshot, *, by: str, period: Period, estado: str | None, states: bool
) -> list[Ranked]:
    """Return the municipalities of a state or of all, or the states, by one of COLUMNS or PER_PEOPLE."""
    features = [replace(f, key=place_of(f)) for f in over(period, snapshot, states=states)]
    column = next((column for column in COLUMNS if column == by), COLUMNS[0])
    return ranking_job.ranked(features, by=column, estado=estado, per_people=by == PER_PEOPLE)


def grown(
    snapshot: Snapshot,
    *,
    months: int = 12,
    estado: str | None = None,
    adjacent: bool = False,
    last: str | None = None,
    states: bool = False,
) -> Crescimento | None:
    """Return the growth of municipalities or states, as the job `crescimento`; None: nothing counted."""
    if not snapshot.known_months:
        return None
    every = snapshot.states if states else snapshot.municipalities
    openings: Mapping[str, Mapping[str, int]] = {
        place_of(f): snapshot.months[place_of(f)].openings for f in every
    }
    known = snapshot.months[BRAZIL].openings
    return growth_job.grown(known, openings, months=months, estado=estado, adjacent=adjacent, last=last)


def around(ranking: Sequence[Ranked], place: str, distance: int = 3) -> list[Ranked]:
    """Return a place in a ranking with its neighbours; nothing where it is not in it."""
    at = next((n for n, r in enumerate(ranking) if r.municipio == place), None)
    return [] if at is None else list(ranking[max(0, at - distance) : at + distance + 1])


def _sums(period: Period, months: Months) -> Sums:
    openings = sum(number for month, number in months.openings.items() if period.has(month))
    capital = (reais for month, reais in months.capital.items() if period.has(month))
    return Sums(sum(capital, Decimal("0.00")), openings)


def _with(features: Features, sums: Sums) -> Features:
    """Return the features of the same place with other sums."""
    return replace(
        features,
        capital_social_total=sums.capital.quantize(CENT),
        quantidade_empresas=sums.companies,
        capital_social_medio=sums.mean(),
    )
