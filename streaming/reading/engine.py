"""DuckDB with the rules of `companies.sql`, and CSV files as what it selects from."""

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

from streaming import scratch
from streaming.reading.dialect import COLUMNS, Dialect
from streaming.reading.messages import TaskResources
from streaming.reading.scan import CHUNK

Connection = duckdb.DuckDBPyConnection

# No value is NULL: a row that is short must not pass for one with empty values, so NULL is
# written as what no file can hold.
NULL = uuid4().hex

# What ends a row whose quotes do not close, as an error.
END = f'"{uuid4().hex}'


@cache
def connection(share: TaskResources) -> Connection:
    """Return this process's DuckDB that knows the rules: making one takes as long as a small file."""
    return connect(share)


def renew(share: TaskResources) -> None:
    """Give up this process's DuckDB: after an error inside it, it may answer nothing any more."""
    broken = connection(share)
    connection.cache_clear()
    broken.close()


def connect(share: TaskResources) -> Connection:
    """
    Return a DuckDB of its own that knows the rules.

    All readers of a machine (or container) together take half of its memory at most. Of a cluster's
    readers there may be one a core.
    """
    cores = len(os.sched_getaffinity(0))
    config: dict[str, Any] = {
        "threads": min(share.threads, cores),
        "memory_limit": f"{50 / min(share.readers, cores)}%",
        # For what does not fit. DuckDB would take the working directory: it may be read-only.
        "temp_directory": scratch.plain(scratch.make(Path(tempfile.gettempdir()))),
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(files("streaming.reading").joinpath("companies.sql").read_text("utf-8"))
    return connection


def rows(paths: Sequence[str], dialect: Dialect, *, parallel: bool) -> str:
    """Return the SQL of all rows of files in one dialect, each with its text for the quarantine."""
    names = [n if n in COLUMNS else f"extra{i}" for i, n in enumerate(dialect.header)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    special = f'["{dialect.separator}\\r\\n]'
    quoted = ", ".join(
        f"CASE WHEN regexp_matches({name}, '{special}')"
        f" THEN '\"' || replace({name}, '\"', '\"\"') || '\"' ELSE coalesce({name}, '') END"
        for name in names
    )
    values = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS)
    file = number(paths, "filename") if len(paths) > 1 else "0"
    return f"""
        SELECT {file} AS file, {values}, concat_ws('{dialect.separator}', {quoted}) AS text
        FROM read_csv({list(paths)}, auto_detect = false, header = true, delim = '{dialect.separator}',
                      quote = '"', escape = '"', nullstr = '{NULL}', columns = {{{columns}}},
                      strict_mode = true, parallel = {parallel}, store_rejects = true, rejects_limit = 0,
                      rejects_line_size_limit = 100000000)"""


def ended(path: str) -> IO[bytes]:
    """
    Return an unnamed copy of a file, for one thread to read.

    Alone, a thread drops a last row whose quotes do not close, without a word. In the copy END closes
    them, and makes an error of the row. After a row that is whole it is an open row itself, and dropped.
    """
    copy: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller closes it
    with Path(path).open("rb") as source:
        line_end = b"\r\n" if source.readline().endswith(b"\r\n") else b"\n"
        source.seek(0)
        shutil.copyfileobj(source, copy, CHUNK)
    copy.write(line_end + END.encode() + line_end)
    return copy


def number(paths: Sequence[str], path: str) -> str:
    """Return the SQL of a file's number, by its path."""
    return f"list_position({list(paths)}, {path}) - 1"
