"""
Two years of openings in all municipalities, made up but plausible: what `make demo` shows.

How many companies a municipality opens in a month follows its population, its state, the season and its
growth; a few POLES grow much faster. Cities are spelled as people write them. No company is a real one,
though the CNPJs are valid. The same seed gives the same bytes.
"""

import math
from calendar import monthrange
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa

from streaming.domain import municipalities
from streaming.domain.municipalities import Municipality

SEED = 20261126
FIRST_CNPJ_ROOT = 53_000_000
"""About what was issued at the beginning of 2024."""

COLUMNS = "cnpj, data_abertura, cidade, estado, capital_social"

MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)] + ["2026-01"]
"""Complete but for the last."""
LAST_DAYS = 9
"""Of the last month."""

OPENINGS = 417_000
"""In a month in all of Brazil, MEI included (about what the Mapa de Empresas says of 2024)."""

SEASONS = (1.12, 1.02, 1.06, 1.05, 1.04, 0.96, 1.06, 1.03, 0.99, 1.02, 0.91, 0.74)
"""How the openings of each month compare with the mean of the year."""

STATES = {
    **dict.fromkeys(("SC", "SP", "DF", "PR", "MT"), 1.35),
    **dict.fromkeys(("RS", "MG", "ES", "GO", "MS", "RJ"), 1.1),
    **dict.fromkeys(("AC", "AM", "AP", "MA", "PA", "PI"), 0.5),
}
"""How much more or less than elsewhere is opened in a state."""
ELSEWHERE, CAPITALS, SPREAD = 0.72, 1.25, 0.22
GROWTH, GROWTH_SPREAD = 1.05, 0.03
"""What a year brings to most municipalities."""

POLES = {
    "Balsas/MA": 1.7,
    "Itapema/SC": 1.7,
    "Luís Eduardo Magalhães/BA": 1.8,
    "Palhoça/SC": 1.5,
    "Parauapebas/PA": 1.5,
    "Santana de Parnaíba/SP": 1.6,
    "Sinop/MT": 1.7,
    "Xangri-lá/RS": 1.9,
}
"""What a year brings to the poles of growth."""
UNCOUNTED = 5_000
"""People of a municipality that was not counted yet."""


def write(directory: Path, *, share: float = 1.0, seed: int = SEED) -> Iterator[tuple[Path, int]]:
    """
    Write a file a month into a directory, each whole or not at all; yield each with its rows.

    Args:
        directory: where they go; it exists.
        share: of as many companies as Brazil has.
        seed: other seeds give other data.
    """
    random = Random(seed)  # noqa: S311 - data, no secret
    every = municipalities.every()
    weights = [_weight(m, random) for m in every]
    growths = [_growth(m, random) for m in every]
    scale = share * OPENINGS / sum(weights)
    written = 0
    with _connected(seed) as connection:
        for number, month in enumerate(MONTHS):
            year, of_year = divmod(number, 12)
            length = monthrange(2024 + year, of_year + 1)[1]
            days = LAST_DAYS if month == MONTHS[-1] else length
            season = SEASONS[of_year] * days / length
            openings = [
                _poisson(random, scale * weight * season * growth ** (number / 12))
                for weight, growth in zip(weights, growths, strict=True)
            ]
            rows = sum(openings)
            yield _written(connection, directory, month, days, openings, FIRST_CNPJ_ROOT + written), rows
            written += rows


def _weight(municipality: Municipality, random: Random) -> float:
    """Return how many companies a municipality opens in the first month, in proportion to others."""
    people = municipality.population or UNCOUNTED
    level = STATES.get(municipality.uf, ELSEWHERE) * (CAPITALS if municipality.capital else 1)
    return people * level * math.exp(random.gauss(0, SPREAD))


def _growth(municipality: Municipality, random: Random) -> float:
    """Return how many times more companies it opens from one year to the next."""
    return POLES.get(municipality.key, GROWTH * math.exp(random.gauss(0, GROWTH_SPREAD)))


def _poisson(random: Random, mean: float) -> int:
    """Return how often something happens that happens so often in the mean."""
    if mean > 50:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    number, chance, limit = 0, random.random(), math.exp(-mean)
    while chance > limit:
        number += 1
        chance *= random.random()
    return number


def _connected(seed: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(files("streaming.reading").joinpath("companies.sql").read_text("utf-8"))
    every = municipalities.every()
    known = pa.table(
        {"place": range(len(every)), "nome": [m.nome for m in every], "uf": [m.uf for m in every]}
    )
    connection.register("known", known)
    connection.execute(f"SET VARIABLE seed = {seed}")
    connection.execute(files("examples").joinpath("openings.sql").read_text("utf-8"))
    return connection


def _written(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    month: str,
    days: int,
    openings: list[int],
    root: int,
) -> Path:
    path = directory / f"empresas-{month}.csv"
    # A hidden name is not read: so whoever watches the directory sees a whole file, or none.
    writing = directory / f".{path.name}"
    target = str(writing).replace("'", "''")
    counts = pa.table({"place": range(len(openings)), "companies": openings})
    connection.register("counts", counts)
    connection.execute("CREATE OR REPLACE TABLE openings AS FROM counts")
    connection.unregister("counts")
    rows = f"SELECT {COLUMNS} FROM opened('{month}', {days}, {root}) ORDER BY cnpj"
    connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT csv, HEADER)")
    writing.rename(path)
    return path
