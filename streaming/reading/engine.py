"""
The DuckDB connection that knows the rules of `companies.sql`, and the SQL that reads CSV files.

DuckDB's CSV reader guesses nothing: it would guess differently from file to file, and the same row would
count in one and not in another.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import duckdb
import pyarrow as pa

from streaming import scratch
from streaming.domain import municipalities
from streaming.reading.dialect import COLUMNS, Dialect
from streaming.reading.messages import TaskResources
from streaming.reading.scan import CHUNK

Connection = duckdb.DuckDBPyConnection

# A short row must not pass for a row with empty values. So no value of a file may mean NULL: the text
# for NULL is one that no file holds.
NULL = uuid4().hex

# Makes a row whose quotes do not close an error.
END = f'"{uuid4().hex}'


@cache
def connection(resources: TaskResources) -> Connection:
    """Return this process's DuckDB with the rules; making one takes as long as reading a small file."""
    return connect(resources)


def renew(resources: TaskResources) -> None:
    """Replace this process's DuckDB: after an internal error it may refuse every further query."""
    broken = connection(resources)
    connection.cache_clear()
    broken.close()


def connect(resources: TaskResources) -> Connection:
    """
    Return a new DuckDB with the rules.

    All readers of a machine (or container) together use at most half of its memory. On a cluster up to
    one reader per core may run on a machine.
    """
    cores = len(os.sched_getaffinity(0))
    config: dict[str, Any] = {
        "threads": min(resources.threads, cores),
        "memory_limit": f"{50 / min(resources.readers, cores)}%",
        # DuckDB spills here. Its default is the working directory, which may be read-only.
        "temp_directory": scratch.plain(scratch.make(Path(tempfile.gettempdir()))),
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(files("streaming.reading").joinpath("companies.sql").read_text("utf-8"))
    _fill_spellings(connection)
    return connection


def _fill_spellings(connection: Connection) -> None:
    spellings = municipalities.spellings()
    ufs, ways = zip(*spellings, strict=True)
    table = pa.table({"uf": ufs, "letters": ways, "nome": [m.nome for m in spellings.values()]})
    connection.register("known", table)
    connection.execute("INSERT INTO spellings FROM known")
    connection.unregister("known")


def rows_sql(paths: Sequence[str], dialect: Dialect, *, parallel: bool) -> str:
    """Return the SQL for all rows of files in one dialect, each with its text for the quarantine."""
    names = [n if n in COLUMNS else f"extra{i}" for i, n in enumerate(dialect.header)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    special = f'["{dialect.separator}\\r\\n]'
    quoted = ", ".join(
        f"CASE WHEN regexp_matches({name}, '{special}')"
        f" THEN '\"' || replace({name}, '\"', '\"\"') || '\"' ELSE coalesce({name}, '') END"
        for name in names
    )
    values = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS)
    file = file_number_sql(paths, "filename") if len(paths) > 1 else "0"
    return f"""
        SELECT {file} AS file, {values}, concat_ws('{dialect.separator}', {quoted}) AS text
        FROM read_csv({list(paths)}, auto_detect = false, header = true, delim = '{dialect.separator}',
                      quote = '"', escape = '"', nullstr = '{NULL}', columns = {{{columns}}},
                      strict_mode = true, parallel = {parallel}, store_rejects = true, rejects_limit = 0,
                      rejects_line_size_limit = 100000000)"""


def terminated_copy(path: str) -> IO[bytes]:
    """
    Return an unnamed copy of a file, with END after its last row, for one thread to read.

    A single thread silently drops a last row whose quotes do not close. In the copy END closes them and
    makes the row an error. After a whole row END is itself an open last row, and is dropped.
    """
    copy: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
    with Path(path).open("rb") as source:
        line_end = b"\r\n" if source.readline().endswith(b"\r\n") else b"\n"
        source.seek(0)
        shutil.copyfileobj(source, copy, CHUNK)
    copy.write(line_end + END.encode() + line_end)
    return copy


def file_number_sql(paths: Sequence[str], column: str) -> str:
    """Return the SQL for the number of the file whose path is in this column."""
    return f"list_position({list(paths)}, {column}) - 1"
