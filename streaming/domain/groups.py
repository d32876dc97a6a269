"""
The kinds of features: groups of hashes, and rankings of their keys. `catalogue` has the ones there are.

A key is its template with values filled in: `{cidade}/{estado}` is `São Paulo/SP`. The name of a field
may be a template too: `{mes}:quantidade_empresas`. The names in the templates are the columns that a
group sums by. So the same templates say what a key is about, which keys to look for, and what the audit
groups by. A name of a city never has a `:`, so a template with one never makes the key of a city.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from string import Formatter
from typing import NamedTuple

from streaming.domain import municipalities
from streaming.domain.cells import DIMENSIONS, Sums


class Fields(NamedTuple):
    """The names of the fields that one cell of a group has in its key; None: it has no such field."""

    total: str | None
    companies: str
    mean: str | None
    at: str | None
    code: str | None


@dataclass(frozen=True, eq=False)
class FeatureGroup:
    """
    Features that are kept in one kind of key, a hash. No two groups have the same keys.

    Attributes:
        name: what its keys are called in messages, in the plural.
        key: the template of its keys.
        about: what its keys hold, for the documentation.
        total: the field with the sum of the capital, in reais with two decimals, a template; None: it
            has none.
        count: the field with the number of companies, a template.
        mean: the field with total / count, half up to the cent; None: it has none.
        at: the field with the instant of the last commit that changed the key; None: it has none.
        code: the field with the IBGE code of the municipality, where it is one; None: it has none.
    """

    name: str
    key: str
    about: str
    total: str | None = "capital_social_total"
    count: str = "quantidade_empresas"
    mean: str | None = "capital_social_medio"
    at: str | None = "atualizado_em"
    code: str | None = None

    def __post_init__(self) -> None:
        if self.total is None and (self.mean, self.at, self.code) != (None, None, None):
            raise ValueError(f"the {self.name} have no total: so only a number of companies")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The templates of its fields, in the order in which they are shown."""
        return tuple(
            name for name in (self.total, self.count, self.mean, self.at, self.code) if name is not None
        )

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that each of its keys is of."""
        return _dimensions(self.key)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that it sums by: those of its keys and those of its fields."""
        return _dimensions(self.key + self.count)

    @cached_property
    def _field_columns(self) -> list[int]:
        """The positions of the columns in the names of fields, in its columns."""
        return [self.columns.index(name) for name in _dimensions(self.count)]

    @cached_property
    def _numbered_key(self) -> str:
        """The template of its keys with the positions of columns: thousands are filled at once."""
        numbers = {name: f"{{{number}}}" for number, name in enumerate(self.columns)}
        return self.key.format_map(numbers)

    @cached_property
    def _filled(self) -> dict[tuple[str, ...], Fields]:
        return {}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _pattern(self.key)

    def key_of(self, values: Mapping[str, str]) -> str:
        """Return the key of these values of its dimensions."""
        return self.key.format_map(values)

    def key_at(self, values: tuple[str, ...]) -> str:
        """Return the key of these values of its columns."""
        return self._numbered_key.format(*values)

    def fields_at(self, values: tuple[str, ...]) -> Fields:
        """Return the names of the fields of these values of its columns."""
        own = tuple([values[position] for position in self._field_columns])
        if own not in self._filled:
            filling = dict(zip(self.columns, values, strict=True))
            self._filled[own] = Fields(
                self.total and self.total.format_map(filling),
                self.count.format_map(filling),
                self.mean,
                self.at,
                self.code,
            )
        return self._filled[own]

    def parse(self, key: str) -> dict[str, str] | None:
        """Return the values of its dimensions in a key, or None where the key is not one of its own."""
        match = self._pattern.fullmatch(key)
        return match and match.groupdict()

    def parse_field(self, field: str) -> dict[str, str] | None:
        """Return the values in the name of a field with a number of companies; None: it is another."""
        match = _pattern(self.count).fullmatch(field)
        return match and match.groupdict()

    def values(self, columns: Mapping[str, str], sums: Sums, at: str) -> dict[str, str]:
        """
        Return the fields of these values of its columns with these sums, as text.

        `at` is the last commit of its key.
        """
        names = self.fields_at(tuple(columns[name] for name in self.columns))
        texts = (
            (names.total, f"{sums.capital:.2f}"),
            (names.companies, str(sums.companies)),
            (names.mean, f"{sums.mean():.2f}" if names.mean else ""),
            (names.at, at),
            (names.code, code_of(columns) if names.code else None),
        )
        return {name: text for name, text in texts if name is not None and text is not None}


@dataclass(frozen=True)
class Ranking:
    """
    A sorted set of the keys of one group, by one of its fields.

    Attributes:
        key: its key.
        about: what it holds, for the documentation.
        group: whose keys are the members.
        by: the field of them that is the score, `total` or `count`. A score is a double: above 9e13
            reais it may be some cents beside the total.
    """

    key: str
    about: str
    group: FeatureGroup
    by: str

    def score(self, sums: Sums) -> float:
        """Return the score of a key with these sums."""
        return float(sums.capital if self.by == self.group.total else sums.companies)


def code_of(values: Mapping[str, str]) -> str | None:
    """Return the IBGE code of the municipality with these values, or None: there is none."""
    municipality = municipalities.official().get((values["cidade"], values["estado"]))
    return municipality and municipality.codigo_ibge


def _dimensions(template: str) -> tuple[str, ...]:
    names = {name for _, name, _, _ in Formatter().parse(template) if name}
    return tuple(name for name in DIMENSIONS if name in names)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = Formatter().parse(template)
    return re.compile(
        "".join(re.escape(text) + (f"(?P<{n}>{DIMENSIONS[n]})" if n else "") for text, n, _, _ in parts)
    )
