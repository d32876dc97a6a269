"""Files of companies by the million: real municipalities, valid CNPJs, the same for the same seed."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import duckdb

MUNICIPALITIES = Path(__file__).parent / "municipios.csv"

# Everything is a function of a row's number and the seed alone, so threads and pieces do not matter.
SQL = """
CREATE OR REPLACE MACRO u(i, what) AS hash(i, what, getvariable('seed')) / 18446744073709551616.0;

CREATE OR REPLACE TABLE places AS
    SELECT row_number() OVER (ORDER BY hash(ibge, getvariable('seed'))) - 1 AS rank, nome, uf
    FROM read_csv(getvariable('municipalities'), all_varchar = true);

CREATE OR REPLACE MACRO root(company, scattered) AS
    CASE WHEN scattered THEN (company * 61803399 + 27182818) % 100000000 ELSE company + 10000000 END;

-- A repeat is a company of an earlier row, half of them of the same file: with a place and a capital of
-- its own, so that it matters which of the two counts.
CREATE OR REPLACE MACRO companies(first, many, repeats, noise, scattered, flat) AS TABLE
    WITH numbered AS (
        SELECT i, CASE WHEN u(i, 'repeat') >= repeats THEN i
                       WHEN u(i, 'where') < 0.5 OR first = 0
                       THEN first + (u(i, 'which') * (i - first))::BIGINT
                       ELSE (u(i, 'which') * first)::BIGINT END AS company,
               u(i, 'noise') < noise AS noisy
        FROM range(first, first + many) AS rows(i)),
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

    def write(self, directory: Path) -> list[Path]:
        """Write the files into a directory of their own below this one, or find them there."""
        digest = sha256(f"{asdict(self)}\n{SQL}".encode()).hexdigest()[:12]
        place = directory / f"{self.files}x{self.rows}-{digest}"
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

    def sums(self, *, once: bool = True) -> tuple[int, Decimal]:
        """Return what all files add up to, each company or each row: how many, and their capital."""
        rows = " UNION ALL ".join(f"FROM {self._rows(number)}" for number in range(self.files))
        if once and self.repeats:
            rows = f"SELECT arg_min(capital_social, i) AS capital_social, false AS noisy FROM ({rows})"
            rows += " WHERE NOT noisy GROUP BY company"
        with self._connected() as connection:
            query = f"SELECT count(*), sum(capital_social) FROM ({rows}) WHERE NOT noisy"
            companies, capital = connection.execute(query).fetchall()[0]
            return int(companies), Decimal(capital)

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
        connection.execute(files("streaming").joinpath("companies.sql").read_text("utf-8"))
        connection.execute(f"SET VARIABLE seed = {self.seed}")
        connection.execute(f"SET VARIABLE municipalities = '{MUNICIPALITIES}'")
        connection.execute(SQL)
        return connection
