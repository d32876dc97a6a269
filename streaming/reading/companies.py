"""
Reads files of companies: the sums per cell, which companies are in them, and the rejected rows.

DuckDB reads the files; the rules are in `companies.sql`. This module knows neither Spark nor Redis, so
the rules are tested without either.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import IO, Any

import duckdb
import numpy as np
import pyarrow as pa

from streaming.domain import ledger
from streaming.errors import FileRejected
from streaming.reading import dialect, engine, escapes, mangled, unreadable
from streaming.reading.dialect import Dialect
from streaming.reading.engine import Connection
from streaming.reading.messages import Rules
from streaming.reading.summary import CELLS, Summary, summed, total

ROWS_AT_ONCE = 100_000


class Reading:
    """
    Files in one dialect, open for reading; `paths` gives each its number, from 0.

    Every method raises FileRejected if a file is not CSV: the message is the reason to record.
    """

    def __init__(
        self, connection: Connection, paths: Sequence[str], dialect: Dialect, rules: Rules
    ) -> None:
        self.dialect = dialect
        self._paths = paths
        self._connection = connection
        self._parameters = [dialect.decimal_comma, rules.now, rules.strict, rules.municipios]
        self._rows_unverified = dialect.in_pieces
        self._copy: IO[bytes] | None = None
        self._open()

    def close(self) -> None:
        """Release what reading needed; the files themselves stay open."""
        if self._copy is not None:
            self._copy.close()

    def summaries(self) -> list[Summary]:
        """
        Summarise each file.

        Guarantee: `read` is the rows that fit, however often their company repeats, plus `rejected`.

        Raises:
            FileRejected: a file is not CSV, or its quotes leave open where a row ends.
        """
        tables, counts = self._summary_tables()
        rows = sum(total(table["rows"]) for table in tables) + sum(counts)
        if self._has_lost_rows(rows):
            self._use_one_thread()
            tables, counts = self._summary_tables()
        self._rows_unverified = False
        return [summed(table, count) for table, count in zip(tables, counts, strict=True)]

    def retraction(
        self, counted: Sequence[ledger.Companies], repeated: Sequence[ledger.Companies]
    ) -> list[pa.Table]:
        """
        Return what to subtract from the cells of each file, as negative cells.

        It covers every row of the companies `counted` before, and all but the first fitting row of the
        companies `repeated` in the file. The columns are those of `summary.CELLS`.
        """
        self._verify_rows()
        self._connection.execute("DELETE FROM watched")
        for companies, before in ((counted, True), (repeated, False)):
            ids = [ledger.to_ids(of_file) for of_file in companies]
            numbers = np.repeat(np.arange(len(ids)), [len(of_file) for of_file in ids])
            table = pa.table({"file": numbers, "company": np.concatenate(ids)})
            self._connection.register("candidates", table)
            # A company in both sets is watched once, as counted: then none of its rows counts.
            unwatched = "candidates ANTI JOIN watched USING (file, company)"
            self._connection.execute(f"INSERT INTO watched SELECT *, {before} FROM {unwatched}")
            self._connection.unregister("candidates")
        self._open(watched=True)
        return [cells.cast(CELLS) for cells in self._by_file(self._table("retraction"))]

    def row_counts(self) -> list[int]:
        """Return how many rows each file has, whether they fit or not."""
        unreadable.forget(self._connection)
        with rejecting():
            counted = self._connection.execute("SELECT file, count(*) FROM raw GROUP BY file").fetchall()
        counts = unreadable.counts(self._connection, self._paths)
        for number, count in counted:
            counts[number] += count
        return counts

    def fitting_rows(self) -> Iterator[pa.RecordBatch]:
        """
        Yield the rows of a file that fit.

        The columns are `line` (bigint), `empresa` (text, 12 characters of the CNPJ), `cidade`, `estado`,
        `mes` (text), `faixa` (number of the capital band) and `capital_social` (decimal, reais).
        """
        self._verify_rows()
        unreadable.forget(self._connection)
        with rejecting():
            relation = self._connection.sql("FROM rows_fitting(?, ?, ?, ?)", params=self._parameters)
            yield from relation.to_arrow_reader(ROWS_AT_ONCE)

    def rejected(self) -> Iterator[tuple[int, str, str]]:
        """
        Yield every rejected row: the number of its file, its reason and its text.

        The text of a row that could not be split is the original line. For a row rejected because of a
        value it is the fields re-joined, with quotes where they need them.
        """
        unreadable.forget(self._connection)
        with rejecting():
            result = self._connection.execute("FROM rows_rejected(?, ?, ?, ?)", self._parameters)
            while rows := result.fetchmany(10_000):
                for file, reason, text in rows:
                    yield file, reason, escapes.restored(text)
        yield from unreadable.rows(self._connection, self._paths)

    def _open(self, *, watched: bool = False) -> None:
        """Make the view `raw` from the files: all of their rows, or only those of watched companies."""
        rows = engine.rows_sql(self._paths, self.dialect, parallel=self._copy is None)
        if watched:
            rows = f"""
                SELECT * EXCLUDE usual FROM (
                    SELECT row_number() OVER () AS line, *, usual_number(cnpj) AS usual FROM ({rows}))
                WHERE (file, company_of(cnpj, usual)) IN (SELECT file, company FROM watched)"""
        with rejecting():
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS {rows}")

    def _verify_rows(self) -> None:
        """Check the row count; if DuckDB's parallel reader dropped rows, switch to a single thread."""
        if self._rows_unverified and self._has_lost_rows(sum(self.row_counts())):
            self._use_one_thread()
        self._rows_unverified = False

    def _has_lost_rows(self, rows: int) -> bool:
        """
        Return whether DuckDB's parallel reader saw another number of rows than the file has lines.

        Where a thread's piece of the file begins, DuckDB guesses whether that is inside quotes, looks
        for a whole row, and silently drops what fits neither guess. We saw that with quotes that do not
        close, with rows longer than its buffer, and with a last piece that holds no whole row.
        """
        return self._rows_unverified and rows != self.dialect.rows

    def _use_one_thread(self) -> None:
        """
        Read a copy with a single thread from now on.

        Raises:
            FileRejected: a quote does not close, and may take any part of the file into one value.
        """
        self._rows_unverified = False
        if not self.dialect.balanced:
            raise FileRejected("unbalanced quotes")
        self._copy = engine.terminated_copy(*self._paths)
        self._paths = [f"/proc/self/fd/{self._copy.fileno()}"]
        self._open()

    def _summary_tables(self) -> tuple[list[pa.Table], list[int]]:
        """Return the rows of the macro `summary`, and how many rows could not be split, per file."""
        unreadable.forget(self._connection)
        table = mangled.marked(self._table("summary"))
        return self._by_file(table), unreadable.counts(self._connection, self._paths)

    def _table(self, macro: str) -> pa.Table:
        with rejecting():
            result: Any = self._connection.execute(f"FROM {macro}(?, ?, ?, ?)", self._parameters)
            with warnings.catch_warnings():
                # The warning advises the relational API, which would plan the query a second time.
                warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
                return result.to_arrow_reader().read_all().combine_chunks()

    def _by_file(self, table: pa.Table) -> list[pa.Table]:
        """Split a table by its column `file`."""
        files = table["file"].to_numpy()
        if len(self._paths) > 1:
            order = np.argsort(files, kind="stable")
            table, files = table.take(order), files[order]
        bounds = np.searchsorted(files, np.arange(len(self._paths) + 1))
        table = table.drop_columns("file")
        return [table.slice(start, end - start) for start, end in pairwise(bounds)]


@contextmanager
def reading(
    connection: Connection, descriptor: int, rules: Rules, *, gzipped: bool
) -> Iterator[Reading]:
    """
    Read a file that `landing.opening` opened, by these rules.

    Raises:
        FileRejected: the file as a whole cannot be read; the message says why.
    """
    with (
        dialect.plain(descriptor, gzipped=gzipped) as (path, file_dialect),
        closing(Reading(connection, [path], file_dialect, rules)) as single,
    ):
        yield single


@contextmanager
def rejecting() -> Iterator[None]:
    """Raise FileRejected where DuckDB cannot read a file as CSV."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        raise FileRejected(f"not readable as CSV: {str(error).splitlines()[0]}") from None
