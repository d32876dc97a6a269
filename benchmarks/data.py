"""Files of companies by the million: real municipalities, valid CNPJs, the same for the same seed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import duckdb

from streaming.domain import municipalities

Features = dict[str, tuple[int, Decimal]]
"""Key → how many companies, and their capital."""

MUNICIPALITIES = Path(municipalities.__file__).parent / "data" / "municipios.csv"

# Everything is a function of a row's number and the seed alone, so threads and pieces do not matter.
SQL = """
CREATE OR REPLACE MACRO u(i, what) AS hash(i, what, getvariable('seed')) / 18446744073709551616.0;

CREATE OR REPLACE TABLE places AS
    SELECT row_number() OVER (ORDER BY hash(codigo_ibge, getvariable('seed'))) - 1 AS rank, nome, uf
    FROM read_csv(getvariable('municipalities'), all_varchar = true);

CREATE OR REPLACE MACRO root(company, scattered) AS
    CASE WHEN scattered THEN (company * 61803399 + 27182818) % 100000000 ELSE company + 10000000 END;

CREATE OR REPLACE MACRO own(i, repeats) AS u(i, 'repeat') >= repeats;
CREATE OR REPLACE MACRO pick(i, low, high, what) AS low + floor(u(i, what) * (high - low))::BIGINT;

-- A repeat is a company of an earlier row, half of them of the same file: with a place and a capital of
-- its own, so that it matters which of the two counts. The earlier row may be a repeat itself, whose
-- company is another one: so up to three are looked at.
CREATE OR REPLACE MACRO companies(first, many, repeats, noise, scattered, flat) AS TABLE
    WITH ranged AS (
        SELECT i, u(i, 'where') < 0.5 OR first = 0 AS inside, if(inside, first, 0) AS low,
               if(inside, i, first) AS high
        FROM range(first, first + many) AS rows(i)),
    numbered AS (
        SELECT i, CASE WHEN own(i, repeats) THEN i
                       WHEN own(pick(i, low, high, 'a'), repeats) THEN pick(i, low, high, 'a')
                       WHEN own(pick(i, low, high, 'b'), repeats) THEN pick(i, low, high, 'b')
                       ELSE pick(i, low, high, 'c') END AS company,
               u(i, 'noise') < noise AS noisy
        FROM ranged),
    numbers AS (
        SELECT *, (root(company, scattered) * 1000000 + 100)::UBIGINT AS n,
               CASE WHEN flat THEN i % (SELECT count(*) FROM places)
                    ELSE floor(pow((SELECT count(*) FROM places), u(i, 'place')))::BIGINT - 1 END AS rank
        FROM numbered)
    SELECT i, company, noisy,
           lpad((n + numeric_check_digits(n))::VARCHAR, 14, '0') AS cnpj,
           CASE WHEN noisy THEN 'ontem'
                ELSE strftime(TIMESTAMP '2026-01-01' + to_seconds(i % 20000000), '%Y-%m-%dT%H:%M:%SZ')
                END AS data_abertura,
           nome AS cidade, uf AS estado,
           exp(6 + 8 * u(i, 'capital'))::DECIMAL(14, 2) AS capital_social
    FROM numbers JOIN places USING (rank);
"""


def joined(parts: Iterable[Features]) -> Features:
    """Return what they add up to together."""
    sums: Features = {}
    for part in parts:
        for key, (companies, capital) in part.items():
            before = sums.get(key, (0, Decimal(0)))
            sums[key] = (before[0] + companies, before[1] + capital)
    return sums


@dataclass(frozen=True)
class Data:
    """
    Files of companies.

    Municipalities come by rank (the first as often as the next two together: Zipf's law), CNPJs one
    after another or `scattered`. `repeats` is the share of rows whose company an earlier row has, half
    of them in the same file; `noise` the share of rows with a date that is none.
    """

    files: int
    rows: int
    """In each file."""
    repeats: float = 0
    noise: float = 0
    scattered: bool = False
    flat: bool = False
    """As many companies in every municipality."""
    first: int = 0
    """The number of the first company."""
    seed: int = 20261125

    def place(self, directory: Path) -> Path:
        """Return the directory of these files below this one."""
        digest = sha256(f"{asdict(self)}\n{SQL}".encode()).hexdigest()[:12]
        return directory / f"{self.files}x{self.rows}-{digest}"

    def write(self, directory: Path) -> list[Path]:
        """Write the files into a directory of their own below this one, or find them there."""
        place = self.place(directory)
        written = [place / f"novas-{number:05d}.csv" for number in range(self.files)]
        if not place.is_dir():
            making = directory / f".{place.name}"
            making.mkdir(parents=True, exist_ok=True)
            with self._connected() as connection:
                for number, path in enumerate(written):
                    columns = "cnpj, data_abertura, cidade, estado, capital_social"
                    query = f"SELECT {columns} FROM {self._rows(number)} ORDER BY i"
                    connection.execute(f"COPY ({query}) TO '{making / path.name}' (HEADER)")
            making.rename(place)
        return written

    def features(self, *, once: bool = True) -> Features:
        """
        Return what all files add up to, each company (its first row counts) or each row.

        City, and city/state → how many, and their capital. It is computed once, so change nothing in it.
        """
        return _features(self, once and self.repeats > 0)

    def _features(self, once: bool) -> Features:
        # Without repeats a row does not depend on its file, and one query of them all takes no time.
        one = [replace(self, rows=self.files * self.rows)._rows(0)]
        pieces = [self._rows(number) for number in range(self.files)] if self.repeats else one
        rows = " UNION ALL ".join(f"FROM {piece}" for piece in pieces)
        rows = f"SELECT i, company, cidade, estado, capital_social FROM ({rows}) WHERE NOT noisy"
        if once:
            columns = ("cidade", "estado", "capital_social")
            firsts = ", ".join(f"arg_min({column}, i) AS {column}" for column in columns)
            rows = f"SELECT {firsts} FROM ({rows}) GROUP BY company"
        query = f"SELECT cidade, estado, count(*), sum(capital_social) FROM ({rows}) GROUP BY ALL"
        with self._connected() as connection:
            cities = connection.execute(query).fetchall()
        return joined(
            {city: (n, capital), f"{city}/{state}": (n, capital)} for city, state, n, capital in cities
        )

    def _rows(self, number: int) -> str:
        values = (
            self.first + number * self.rows,
            self.rows,
            self.repeats,
            self.noise,
            self.scattered,
            self.flat,
        )
        return f"companies({', '.join(map(str, values))})"

    def _connected(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute(files("streaming.reading").joinpath("companies.sql").read_text("utf-8"))
        connection.execute(f"SET VARIABLE seed = {self.seed}")
        connection.execute(f"SET VARIABLE municipalities = '{MUNICIPALITIES}'")
        connection.execute(SQL)
        return connection


@cache
def _features(data: Data, once: bool) -> Features:
    return data._features(once)
