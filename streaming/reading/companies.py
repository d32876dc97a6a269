"""
Files of companies: what each adds up to, which companies are in it, and the rows that do not fit.

DuckDB reads; the rules are in `companies.sql`. Knows neither Spark nor Redis.
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
from streaming.reading import dialect, engine, escapes
from streaming.reading.dialect import Dialect
from streaming.reading.engine import Connection
from streaming.reading.messages import Rules
from streaming.reading.summary import PLACES, Summary, summed, total

ROWS_AT_ONCE = 100_000

_UNREADABLE = {
    "MISSING COLUMNS": "row: wrong number of columns",
    "TOO MANY COLUMNS": "row: wrong number of columns",
    "UNQUOTED VALUE": "row: unbalanced quotes",
    "LINE SIZE OVER MAXIMUM": "row: longer than 2,000,000 bytes",
    "INVALID ENCODING": "row: invalid UTF-8",
}


class Reading:
    """Files in one dialect, open for reading; they are numbered as they are given."""

    def __init__(
        self, connection: Connection, paths: Sequence[str], dialect: Dialect, rules: Rules
    ) -> None:
        self.dialect = dialect
        self._paths = paths
        self._connection = connection
        self._parameters = [dialect.brazilian, rules.now, rules.strict]
        self._in_pieces = dialect.in_pieces
        self._ended: IO[bytes] | None = None
        self._open()

    def close(self) -> None:
        """Let go of what was needed to read the files; they stay open."""
        if self._ended is not None:
            self._ended.close()

    def summaries(self) -> list[Summary]:
        """
        Summarise each file.

        Guarantee: `read` is the rows that fit, however often their company repeats, and `rejected`.

        Raises:
            FileRejected: a file is no CSV, or where a row ends can not be told.
        """
        self._forget()
        found = self._by_file("summary")
        unreadable = self._unreadable()
        if self._lost(sum(total(table["rows"]) for table in found) + sum(unreadable)):
            return self.summaries()
        return [summed(*of_one) for of_one in zip(found, unreadable, strict=True)]

    def surplus(
        self, counted: Sequence[ledger.Companies], repeated: Sequence[ledger.Companies]
    ) -> list[pa.Table]:
        """
        Return what of the places of each file is too much, negative.

        That is every row of the companies `counted` before, and of those `repeated` in the file all but
        the earliest that fits.
        """
        self._make_whole()
        self._connection.execute("DELETE FROM watched")
        for companies, before in ((counted, True), (repeated, False)):
            ids = [ledger.to_ids(some) for some in companies]
            numbers = np.repeat(np.arange(len(ids)), [len(some) for some in ids])
            table = pa.table({"file": numbers, "company": np.concatenate(ids)})
            self._connection.register("given", table)
            others = "given ANTI JOIN watched USING (file, company)"
            self._connection.execute(f"INSERT INTO watched SELECT *, {before} FROM {others}")
            self._connection.unregister("given")
        self._open(watched=True)
        return [places.cast(PLACES) for places in self._by_file("surplus")]

    def counts(self) -> list[int]:
        """Return how many rows each file has, whether they fit or not."""
        self._forget()
        with _rejecting():
            rows = self._connection.execute("SELECT file, count(*) FROM raw GROUP BY file").fetchall()
        counts = self._unreadable()
        for number, count in rows:
            counts[number] += count
        return counts

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield a file's rows that fit: line, empresa (12 characters), cidade, estado, capital."""
        self._make_whole()
        self._forget()
        with _rejecting():
            relation = self._connection.sql("FROM rows_fitting(?, ?, ?)", params=self._parameters)
            yield from relation.to_arrow_reader(ROWS_AT_ONCE)

    def rejected(self) -> Iterator[tuple[int, str, str]]:
        """
        Yield every rejected row: the number of its file, its reason and its text.

        The text of a row that could not be split is the line itself; that of a row with values that
        do not fit is made of its values, quoted where they need it.
        """
        self._forget()
        with _rejecting():
            result = self._connection.execute("FROM rows_rejected(?, ?, ?)", self._parameters)
            while rows := result.fetchmany(10_000):
                for file, reason, text in rows:
                    yield file, reason, escapes.restored(text)
        number = engine.number(self._paths, "file_path")
        lines = self._connection.execute(f"""
            SELECT {number}, arg_min(error_type, coalesce(column_idx, 0)),
                   coalesce(any_value(csv_line), '')
            FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
            GROUP BY file_path, line_byte_position ORDER BY file_path, line_byte_position""")
        while lines_read := lines.fetchmany(10_000):
            for file, error, line in lines_read:
                reason = _UNREADABLE.get(error, f"row: {error.lower()}")
                text = line.strip("\r\n").removesuffix(engine.END).rstrip("\r\n")
                yield file, reason, escapes.restored(text)

    def _open(self, *, watched: bool = False) -> None:
        """Make the files what `raw` is: all of their rows, or those of the watched companies."""
        rows = engine.rows(self._paths, self.dialect, parallel=self._ended is None)
        if watched:
            rows = f"""
                SELECT * EXCLUDE usual FROM (
                    SELECT row_number() OVER () AS line, *, usual_number(cnpj) AS usual FROM ({rows}))
                WHERE (file, company_of(cnpj, usual)) IN (SELECT file, company FROM watched)"""
        with _rejecting():
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS {rows}")

    def _make_whole(self) -> None:
        """See to it that no row is lost where nothing else counts them."""
        if self._in_pieces:
            self._lost(sum(self.counts()))

    def _lost(self, rows: int) -> bool:
        """
        Return whether threads and file disagree about its rows; then one reads a copy from now on.

        Where pieces of a file begin, DuckDB guesses whether that is inside quotes, looks for a row
        that is whole, and drops without a word what it can not place: seen with quotes that do not
        close, rows longer than its buffer, and a last piece without one whole row.
        """
        if not self._in_pieces:
            return False
        self._in_pieces = False
        if rows == self.dialect.rows:
            return False
        if not self.dialect.balanced:  # what follows the one too many, up to all of the file, is no row
            raise FileRejected("unbalanced quotes")
        self._ended = engine.ended(*self._paths)
        self._paths = [f"/proc/self/fd/{self._ended.fileno()}"]
        self._open()
        return True

    def _unreadable(self) -> list[int]:
        counts = [0] * len(self._paths)
        found = self._connection.execute(
            f"SELECT {engine.number(self._paths, 'file_path')}, count(DISTINCT line_byte_position)"
            " FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path"
        )
        for number, count in found.fetchall():
            counts[number] = count
        return counts

    def _forget(self) -> None:
        for table in ("reject_errors", "reject_scans"):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    def _by_file(self, macro: str) -> list[pa.Table]:
        with _rejecting():
            result: Any = self._connection.execute(f"FROM {macro}(?, ?, ?)", self._parameters)
            with warnings.catch_warnings():  # it would rather plan a query twice than copy its result
                warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
                table = result.to_arrow_reader().read_all().combine_chunks()
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
    Open a file that `dialect.opened` opened, for reading by these rules.

    Raises:
        FileRejected: the file as a whole can not be read; the message says why.
    """
    with (
        dialect.plain(descriptor, gzipped=gzipped) as (path, found),
        closing(Reading(connection, [path], found, rules)) as opened,
    ):
        yield opened


@contextmanager
def _rejecting() -> Iterator[None]:
    try:
        yield
    except duckdb.InvalidInputException as error:
        raise FileRejected(f"not readable as CSV: {str(error).splitlines()[0]}") from None
