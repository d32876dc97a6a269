"""
Which features there are. Each group of them is one value here, and nothing else knows of it.

What the files add up to per cell (a city, a state, a month, a capital band) goes to every group:
`writes` says which key and which fields a commit adds to. Commit, audit, rebuild, `show`, the check
after a DAG run and the documentation's tables iterate over `GROUPS` and `RANKINGS`. To add a feature is
to add a value; `groups` says what it consists of.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from streaming.domain.cells import Cell, Increments, Rolled, Sums
from streaming.domain.groups import FeatureGroup, Fields, Ranking, code_of

CITY = FeatureGroup("cities", "{cidade}", "the features of a city's name over all states")
MUNICIPALITY = FeatureGroup(
    "municipalities",
    "{cidade}/{estado}",
    "the features of one municipality",
    code="codigo_ibge",
)
STATE = FeatureGroup("states", "estado:{estado}", "the features of a state")
COUNTRY = FeatureGroup("countries", "pais:BR", "the features of the country")


def _monthly(of: FeatureGroup, key: str) -> FeatureGroup:
    return FeatureGroup(
        f"months of {of.name}",
        key,
        f"{of.about}, by month of `data_abertura`",
        total="{mes}:capital_social_total",
        count="{mes}:quantidade_empresas",
        mean=None,
        at=None,
    )


MONTHLY = {
    MUNICIPALITY: _monthly(MUNICIPALITY, "mensal:{cidade}/{estado}"),
    STATE: _monthly(STATE, "mensal:estado:{estado}"),
    COUNTRY: _monthly(COUNTRY, "mensal:pais:BR"),
}
"""The same by month."""

BANDED = FeatureGroup(
    "capital bands",
    "faixas:{cidade}/{estado}",
    "the companies of one municipality by capital band",
    total=None,
    count="{faixa}",
    mean=None,
    at=None,
)

GROUPS: tuple[FeatureGroup, ...] = (CITY, MUNICIPALITY, STATE, COUNTRY, *MONTHLY.values(), BANDED)

RANKINGS: tuple[Ranking, ...] = tuple(
    Ranking(f"ranking:{by}", f"the municipalities by `{by}`", MUNICIPALITY, by)
    for by in ("quantidade_empresas", "capital_social_total")
)

COMPANIES = RANKINGS[0]
"""The ranking with the number of companies of each place."""


class Write(NamedTuple):
    """What one commit adds to fields of one key of a group."""

    group: FeatureGroup
    key: str
    fields: Fields
    sums: Sums
    code: str | None = None


def writes(increments: Increments) -> Iterator[Write]:
    """Yield what is added to each key and its fields, group by group."""
    rolled: dict[tuple[str, ...], Rolled] = {Cell._fields: cast(Rolled, increments)}
    for group in GROUPS:
        columns = group.columns
        if columns not in rolled:
            rolled[columns] = _rolled_up(rolled, columns)
        for values, sums in rolled[columns].items():
            code = code_of(dict(zip(columns, values, strict=True))) if group.code else None
            yield Write(group, group.key_at(values), group.fields_at(values), sums, code)


def _rolled_up(rolled: Mapping[tuple[str, ...], Rolled], columns: tuple[str, ...]) -> Rolled:
    """Add up to these columns, from the shortest of what is added up to them and others."""
    finer = min((c for c in rolled if set(columns) <= set(c)), key=lambda c: len(rolled[c]))
    positions = [finer.index(column) for column in columns]
    sums: dict[tuple[str, ...], Sums] = {}
    for values, more in rolled[finer].items():
        own = tuple([values[position] for position in positions])
        before = sums.get(own)
        sums[own] = more if before is None else before.plus(more)
    return sums


def group_of(key: str) -> FeatureGroup | None:
    """Return the group that a key belongs to, or None: it is no feature of ours."""
    return next((group for group in GROUPS if group.parse(key) is not None), None)


def coarser(group: FeatureGroup) -> set[FeatureGroup]:
    """Return the groups that this one's keys add up to: those that sum by some of its dimensions."""
    return {g for g in GROUPS if set(g.dimensions) < set(group.dimensions)}
