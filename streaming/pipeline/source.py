"""
The landing zone as a streaming source of Spark: a pipe to the driver, which decides what is new.

Spark runs the reader in a Python process of its own on the driver's machine. It asks the driver through
a Unix socket, and hands on the answer. The offset only counts the answers: nothing in a checkpoint says
which files were ingested, as Redis alone does.
"""

import json
import socket
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

FORMAT = "landing_zone"
SCHEMA = "path string, size bigint, mtime bigint"

Row = tuple[str, int, int]
Offset = dict[str, int]


def discovered(spark: SparkSession, address: str) -> DataFrame:
    """
    Return the stream of the files that the driver hands out at this address (`pipe.Pipe`).

    Columns: `path` (text, relative to the landing zone; bytes that are not UTF-8 are replaced), `size`
    (bytes) and `mtime` (nanoseconds since 1970) of each file.
    """
    spark.dataSource.register(Source)
    return spark.readStream.format(FORMAT).option("address", address).load()


class Source(DataSource):
    """The streaming source; its option `address` is the name of the driver's socket."""

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return FORMAT

    def schema(self) -> str:
        """Return the columns."""
        return SCHEMA

    def simpleStreamReader(self, schema: StructType) -> "Reader":
        """Return the reader; it is only connected when Spark reads."""
        return Reader(self.options["address"])


class Reader(SimpleDataSourceStreamReader, SupportsTriggerAvailableNow):
    """Asks the driver for files; an answer is awaited for as long as the driver takes."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._driver: TextIO | None = None

    def initialOffset(self) -> Offset:
        """Return the offset of a query without a checkpoint."""
        return {"answers": 0}

    def prepareForTriggerAvailableNow(self) -> None:
        """Do nothing: the driver knows that it follows nobody, and hands out what there is once."""

    def read(self, start: Offset) -> tuple[Iterator[Row], Offset]:
        """
        Return the files to ingest next, and the offset after them; the same offset if there are none.

        Raises:
            ConnectionError: the driver is gone, or has ended the query.
        """
        if self._driver is None:
            sys.excepthook = _unless_ended
            self._driver = connect(self._address)
        self._driver.write("next\n")
        self._driver.flush()
        answer = self._driver.readline()
        if not answer:
            raise ConnectionResetError("the driver has closed the pipe")
        rows = json.loads(answer)
        if rows is None:
            return iter(()), start
        # A checkpoint that Spark's file source left counts as one of no answers.
        return iter([tuple(row) for row in rows]), {"answers": start.get("answers", 0) + 1}

    def readBetweenOffsets(self, start: Offset, end: Offset) -> Iterator[Row]:
        """Return nothing: files of an earlier query without a record in Redis are handed out again."""
        return iter(())


def _unless_ended(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an error that ends this process, but not that Spark has ended the query."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, EOFError):  # Spark's runner reads its next command
            return
        chain = chain.__context__
    sys.__excepthook__(kind, error, traceback)


def connect(address: str) -> TextIO:
    """Return the connection to the driver's socket of this name; raises OSError: there is none."""
    driver = socket.socket(socket.AF_UNIX)
    driver.connect(f"\0{address}")
    return driver.makefile("rw", encoding="utf-8")
