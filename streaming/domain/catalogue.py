"""
Which features there are. Each group of them is one value here, and nothing else knows of it.

What the files add up to per place goes to every group: `writes` says which key and which fields a commit
adds to. Commit, audit, rebuild, `show`, the check after a DAG run and the documentation's table of keys
iterate over `GROUPS`. To add a feature is to add a group.

A key is its template with a place filled in: `{cidade}/{estado}` is `São Paulo/SP`. The names in the
template are the columns a group sums by. So the same template says what a key is about, which keys to
look for, and what the audit groups by. A name of a city never has a `:`, so a template with one never
makes the key of a city.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from string import Formatter
from typing import NamedTuple

CENT = Decimal("0.01")

UFS = (
    *("AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA"),
    *("PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"),
)
"""The 26 states and the Federal District (IBGE)."""

DIMENSIONS = {"cidade": r"[^:/{}]+", "estado": r"[A-Z]{2}"}
"""What rows are summed by, and what a value of it looks like in a key."""


class Place(NamedTuple):
    """Where companies are: one value of each dimension."""

    cidade: str
    estado: str


class Sums(NamedTuple):
    """What companies add up to: their capital in reais, exact to the cent, and their number."""

    capital: Decimal = Decimal(0)
    companies: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums(self.capital + other.capital, self.companies + other.companies)

    def mean(self) -> Decimal:
        """Return the mean capital of the companies, of which there are some, half up to the cent."""
        return (self.capital / self.companies).quantize(CENT, ROUND_HALF_UP)


Increments = Mapping[Place, Sums]


@dataclass(frozen=True)
class FeatureGroup:
    """
    Features that are kept in one kind of key, a hash. No two groups have the same keys.

    Attributes:
        name: what its keys are called in messages, in the plural.
        key: the template of its keys.
        about: what its keys hold, for the documentation.
        count: the field with the number of companies.
        total: the field with the sum of the capital, in reais with two decimals; None: it has none.
        mean: the field with total / count, half up to the cent; None: it has none.
        at: the field with the instant of the last commit that changed the key; None: it has none.
    """

    name: str
    key: str
    about: str
    total: str | None = "capital_social_total"
    count: str = "quantidade_empresas"
    mean: str | None = "capital_social_medio"
    at: str | None = "atualizado_em"

    def __post_init__(self) -> None:
        if self.mean is not None and self.total is None:
            raise ValueError(f"the {self.name} have a mean, but no total that it could be of")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields, in the order in which they are shown."""
        return tuple(name for name in (self.total, self.count, self.mean, self.at) if name)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that it sums by."""
        names = {name for _, name, _, _ in Formatter().parse(self.key) if name}
        return tuple(name for name in DIMENSIONS if name in names)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = Formatter().parse(self.key)
        return re.compile(
            "".join(
                re.escape(text) + (f"(?P<{n}>{DIMENSIONS[n]})" if n else "") for text, n, _, _ in parts
            )
        )

    def key_of(self, values: Mapping[str, str]) -> str:
        """Return the key of these values of its dimensions."""
        return self.key.format_map(values)

    def parse(self, key: str) -> dict[str, str] | None:
        """Return the values of its dimensions in a key, or None where the key is not one of its own."""
        match = self._pattern.fullmatch(key)
        return match and match.groupdict()

    def values(self, sums: Sums, at: str) -> dict[str, str]:
        """Return the fields of a key with these sums, as text, the last commit of which was `at`."""
        texts = (
            (self.total, f"{sums.capital:.2f}"),
            (self.count, str(sums.companies)),
            (self.mean, f"{sums.mean():.2f}"),
            (self.at, at),
        )
        return {name: text for name, text in texts if name is not None}


CITY = FeatureGroup("cities", "{cidade}", "the features of a city's name over all states")
MUNICIPALITY = FeatureGroup("municipalities", "{cidade}/{estado}", "the features of one municipality")

GROUPS: tuple[FeatureGroup, ...] = (CITY, MUNICIPALITY)


@dataclass(frozen=True)
class Write:
    """What one commit adds to one key of a group."""

    group: FeatureGroup
    key: str
    sums: Sums


def writes(increments: Increments) -> Iterator[Write]:
    """Yield what is added to each key of each group, each key once."""
    for group in GROUPS:
        added: dict[str, Sums] = {}
        for place, sums in sorted(increments.items()):
            key = group.key_of(place._asdict())
            added[key] = added.get(key, Sums()).plus(sums)
        for key, sums in added.items():
            yield Write(group, key, sums)


def group_of(key: str) -> FeatureGroup | None:
    """Return the group that a key belongs to, or None: it is no feature of ours."""
    return next((group for group in GROUPS if group.parse(key) is not None), None)


def coarser(group: FeatureGroup) -> set[FeatureGroup]:
    """Return the groups that this one's keys add up to: those that sum by some of its dimensions."""
    return {g for g in GROUPS if set(g.dimensions) < set(group.dimensions)}
