"""
One file of companies: what it adds up to, which companies are in it, and the rows that do not fit.

DuckDB reads; the rules are in `companies.sql`. Knows neither Spark nor Redis.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming import dialect, ledger
from streaming.dialect import COLUMNS, Dialect
from streaming.errors import FileRejected
from streaming.sources import Rules

PLACES = pa.schema(
    [
        ("cidade", pa.string()),
        ("estado", pa.string()),
        ("capital_social_total", pa.decimal128(28, 2)),
        ("quantidade_empresas", pa.int64()),
    ]
)

ROWS_AT_ONCE = 100_000

# No value is NULL: a row that is short must not pass for one with empty values, so NULL is
# written as what no file can hold.
NULL = uuid4().hex

_UNREADABLE = {
    "MISSING COLUMNS": "row: wrong number of columns",
    "TOO MANY COLUMNS": "row: wrong number of columns",
    "UNQUOTED VALUE": "row: unbalanced quotes",
    "LINE SIZE OVER MAXIMUM": "row: longer than 2,000,000 bytes",
    "INVALID ENCODING": "row: invalid UTF-8",
}


Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Summary:
    """
    A file in numbers.

    `places` has one row per spelling of a place, each company once: cidade (text), estado (text),
    capital_social_total (decimal, reais), quantidade_empresas (int64).
    """

    read: int
    rejected: int
    wrong_digits: int
    companies: ledger.Companies
    places: pa.Table


class Reading:
    """A file that is open for reading; made by `reading`."""

    def __init__(self, connection: Connection, path: str, dialect: Dialect, rules: Rules) -> None:
        self.dialect = dialect
        self._path = path
        self._connection = connection
        self._parameters = [dialect.brazilian, rules.now, rules.strict]
        self._in_pieces = dialect.rows is not None
        connection.execute(_view(path, dialect, parallel=True))

    def summary(self) -> Summary:
        """
        Summarise the whole file, each company once: its earliest line that fits.

        Guarantee: `read` is the rows that fit, however often their company repeats, and `rejected`.

        Raises:
            FileRejected: where a row ends can not be told.
        """
        self._forget()
        table = self._table("summary")
        rows = _total(table["rows"]) + self._unreadable()
        if self._lost(rows):
            return self.summary()
        fits = table.filter(table["fits"])
        ids = fits["companies"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        companies = ledger.from_ids(ids.astype(np.uint64))
        if len(ids) > ledger.size(companies):
            places = self.summary_without({})
        else:
            counts = pc.list_value_length(fits["companies"]).cast(pa.int64())
            places = fits.select(PLACES.names[:3]).append_column(PLACES.names[3], counts)
        return Summary(
            read=rows,
            rejected=rows - len(ids),
            wrong_digits=_total(table["wrong_digits"]),
            companies=companies,
            places=places.cast(PLACES),
        )

    def summary_without(self, leave_out: ledger.Companies) -> pa.Table:
        """Return the places once more, without the companies in `leave_out`."""
        self._make_whole()
        ids = pa.table({"company": ledger.to_ids(leave_out)})
        self._connection.register("left_out", ids)
        self._connection.execute("DELETE FROM leave_out")
        self._connection.execute("INSERT INTO leave_out FROM left_out")
        self._connection.unregister("left_out")
        return self._table("summary_once").cast(PLACES)

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that fit: line, empresa (12 characters), cidade, estado, capital_social."""
        self._make_whole()
        self._forget()
        relation = self._connection.sql("FROM rows_fitting(?, ?, ?)", params=self._parameters)
        yield from relation.fetch_record_batch(ROWS_AT_ONCE)

    def rejected(self) -> Iterator[tuple[str, str]]:
        """
        Yield every rejected row: its reason and its text.

        The text of a row that could not be split is the line itself; that of a row with values that
        do not fit is made of its values, quoted where they need it.
        """
        self._forget()
        result = self._connection.execute("FROM rows_rejected(?, ?, ?)", self._parameters)
        while rows := result.fetchmany(10_000):
            yield from rows
        lines = self._connection.execute(
            "SELECT arg_min(error_type, coalesce(column_idx, 0)), coalesce(any_value(csv_line), '')"
            " FROM reject_errors GROUP BY line_byte_position ORDER BY line_byte_position"
        )
        while lines_read := lines.fetchmany(10_000):
            for error, line in lines_read:
                yield _UNREADABLE.get(error, f"row: {error.lower()}"), line.strip("\r\n")

    def _make_whole(self) -> None:
        """See to it that no row is lost where nothing else counts them."""
        if self._in_pieces:
            self._forget()
            self._lost(self._count("SELECT count(*) FROM raw") + self._unreadable())

    def _lost(self, rows: int) -> bool:
        """
        Return whether threads and file disagree about its rows; then one alone reads it from now on.

        Where pieces of a file begin, DuckDB guesses whether that is inside quotes, looks for a row
        that is whole, and drops without a word what it can not place: seen with quotes that do not
        close, rows longer than its buffer, and a last piece without one whole row.
        """
        if not self._in_pieces:
            return False
        self._in_pieces = False
        if rows == self.dialect.rows:
            return False
        if not self.dialect.balanced:  # the last row of a file, if open, one thread alone drops
            raise FileRejected("unbalanced quotes")
        self._connection.execute(_view(self._path, self.dialect, parallel=False))
        return True

    def _unreadable(self) -> int:
        return self._count("SELECT count(DISTINCT line_byte_position) FROM reject_errors")

    def _forget(self) -> None:
        for table in ("reject_errors", "reject_scans"):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    def _table(self, macro: str) -> pa.Table:
        relation = self._connection.sql(f"FROM {macro}(?, ?, ?)", params=self._parameters)
        return relation.to_arrow_table()

    def _count(self, query: str) -> int:
        rows = self._connection.execute(query).fetchall()
        return int(rows[0][0])


def connect(threads: int) -> Connection:
    """Return a DuckDB of its own that knows the rules."""
    # For what does not fit into memory. DuckDB would take the working directory: it may be read-only.
    spill = Path(tempfile.gettempdir()) / f"city-features-{uuid4().hex}"
    connection = duckdb.connect(":memory:", config={"threads": threads, "temp_directory": str(spill)})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(files("streaming").joinpath("companies.sql").read_text("utf-8"))
    return connection


@contextmanager
def reading(
    connection: Connection, descriptor: int, rules: Rules, *, gzipped: bool
) -> Iterator[Reading]:
    """
    Open a file that `dialect.opened` opened, for reading by these rules.

    Raises:
        FileRejected: the file as a whole can not be read; the message says why.
    """
    with dialect.plain(descriptor, gzipped=gzipped) as (path, found):
        try:
            yield Reading(connection, path, found, rules)
        except duckdb.InvalidInputException as error:
            raise FileRejected(f"not readable as CSV: {str(error).splitlines()[0]}") from None


def _view(path: str, dialect: Dialect, *, parallel: bool) -> str:
    names = [n if n in COLUMNS else f"extra{i}" for i, n in enumerate(dialect.header)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    special = f'["{dialect.separator}\\r\\n]'
    quoted = ", ".join(
        f"CASE WHEN regexp_matches({name}, '{special}')"
        f" THEN '\"' || replace({name}, '\"', '\"\"') || '\"' ELSE coalesce({name}, '') END"
        for name in names
    )
    values = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS)
    return f"""
        CREATE OR REPLACE TEMP VIEW raw AS
        SELECT {values}, concat_ws('{dialect.separator}', {quoted}) AS text
        FROM read_csv('{path}', auto_detect = false, header = true, delim = '{dialect.separator}',
                      quote = '"', escape = '"', nullstr = '{NULL}', columns = {{{columns}}},
                      strict_mode = true, parallel = {parallel}, store_rejects = true, rejects_limit = 0,
                      rejects_line_size_limit = 100000000)"""


def _total(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
