"""
The municipalities of Brazil, and which of them a spelling means.

`data/municipios.csv` has the 5,571 of IBGE: codes, names, coordinates, population (census of 2022,
estimate of 2024). `data/aliases.csv` has former names and other spellings, each with where it was seen.

Two spellings are the same if they have the same letters and digits: case, accents, apostrophes, hyphens
and white space do not count, nor do the particles de, da, do, das, dos and d. Within a state no two
municipalities are then the same.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import product
from typing import NamedTuple

PARTICLE = re.compile(r"\b(?:D[AO]S?|DE|D)\b")
OTHER = re.compile("[^A-Z0-9]")


class Municipality(NamedTuple):
    """
    One municipality.

    Codes are those of IBGE (7 digits) and of SIAFI (4 digits, which Receita Federal uses). Coordinates
    are degrees. Populations are people; None: not counted yet.
    """

    codigo_ibge: str
    codigo_siafi: str
    nome: str
    uf: str
    latitude: float
    longitude: float
    capital: bool
    populacao_2022: int | None
    populacao_2024: int | None

    @property
    def key(self) -> str:
        """Its name and state, as in keys of Redis: `São Paulo/SP`."""
        return f"{self.nome}/{self.uf}"

    @property
    def population(self) -> int | None:
        """The newest count of its people: the estimate of 2024, else the census of 2022."""
        return self.populacao_2024 or self.populacao_2022


@cache
def every() -> tuple[Municipality, ...]:
    """Return all municipalities, by IBGE code."""
    return tuple(
        Municipality(
            row["codigo_ibge"],
            row["codigo_siafi"],
            row["nome"],
            row["uf"],
            float(row["latitude"]),
            float(row["longitude"]),
            row["capital"] == "1",
            int(row["populacao_2022"]) if row["populacao_2022"] else None,
            int(row["populacao_2024"]) if row["populacao_2024"] else None,
        )
        for row in _rows("municipios.csv")
    )


@cache
def official() -> dict[tuple[str, str], Municipality]:
    """Return each municipality by official name and state."""
    return {(m.nome, m.uf): m for m in every()}


@cache
def people(uf: str) -> int:
    """Return how many people live in a state, by the newest count of each municipality."""
    return sum(m.population or 0 for m in every() if m.uf == uf)


@cache
def spellings() -> dict[tuple[str, str], Municipality]:
    """
    Return each municipality by state and letters, for each way to write it: with or without each of its
    particles, and by its aliases where no municipality has such a name.
    """
    known = {(m.uf, way): m for m in every() for way in _ways(m.nome)}
    by_code = {m.codigo_ibge: m for m in every()}
    for row in _rows("aliases.csv"):
        for way in _ways(row["spelling"]):
            known.setdefault((row["uf"], way), by_code[row["codigo_ibge"]])
    return known


def resolve(cidade: str, uf: str) -> Municipality | None:
    """Return the municipality that a spelling means in this state, or None."""
    known = spellings()
    return known.get((uf, letters(cidade))) or known.get((uf, bare_letters(cidade)))


def letters(text: str) -> str:
    """Return the letters A to Z and digits of a text, without accents."""
    return OTHER.sub("", _plain(text))


def bare_letters(text: str) -> str:
    """Return the letters and digits of a text without its particles."""
    return OTHER.sub("", PARTICLE.sub("", _plain(text)))


def _ways(name: str) -> Iterator[str]:
    """Yield the letters of a name with and without each of its particles."""
    parts = PARTICLE.split(plain := _plain(name))
    particles = PARTICLE.findall(plain)
    for chosen in product(*((particle, "") for particle in particles)):
        yield OTHER.sub("", "".join(a + b for a, b in zip(parts, (*chosen, ""), strict=True)))


def _plain(text: str) -> str:
    """Return a text in capital letters without accents; what is neither is a space."""
    if text.isascii():
        return text.upper()
    decomposed = unicodedata.normalize("NFD", text).upper()
    return "".join(c if c.isascii() else " " for c in decomposed if not unicodedata.combining(c))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("streaming.domain").joinpath("data", name).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)
