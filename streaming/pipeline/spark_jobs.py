"""
Spark: files → summaries on the executors, summaries → sums per place.

DataFrames in, DataFrames out; no service is touched. Rows of the files never reach the JVM.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.reading.messages import Rules, Source, TaskResources

SUMMARIES = """
    file int, report string, block string, companies binary, repeated binary,
    cidade string, estado string, capital_social_total decimal(28,2), quantidade_empresas bigint
"""

ROWS = """
    file int, line bigint, empresa string, cidade string, estado string, capital_social decimal(14,2)
"""

_SPECIAL = re.compile(r"[{}\[\]*?\\]")

TASK_BYTES = 4 * 1024 * 1024


def landed(spark: SparkSession, zone: Path) -> DataFrame:
    """
    Return the stream of CSV files in a landing zone, `path` alone; Spark does not read them.

    Spark looks into directories below, too, and fails at one that may not be read.

    Raises:
        ValueError: Spark has no name for the directory.
    """
    return (
        spark.readStream.format("binaryFile")
        .schema("path string, modificationTime timestamp, length bigint, content binary")
        .option("pathGlobFilter", "*.[cC][sS][vV]*")
        .option("recursiveFileLookup", True)  # no guessing of partitions from directories
        .load(pattern(zone))
        .select("path")
    )


def pattern(directory: Path) -> str:
    """
    Return the pattern that only this directory matches, where Spark takes patterns.

    Raises:
        ValueError: there is none.
    """
    name = location(directory)
    literal = _SPECIAL.sub(r"\\\g<0>", name)
    if literal != name and ":" in str(directory.absolute()):
        raise ValueError(
            "Hadoop knows no patterns with a colon: it takes what is before it for a scheme"
        )
    return literal


def location(path: Path) -> str:
    """
    Return the name of a path where Hadoop takes one as it is: it does not decode what as_uri encodes.

    Raises:
        ValueError: it is not UTF-8, and the JVM has no name for it.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"not UTF-8: {name!r}") from None
    return f"file://{name}"


def summarise(
    spark: SparkSession, sources: Sequence[Source], rules: Rules, quarantine_dir: Path
) -> DataFrame:
    """
    Read the files on the executors; rejected rows go to the quarantine.

    Returns:
        For each file one row with `report` (JSON of `Report`); for each ledger block it has companies
        in, one row with `block`, `companies` (roaring bitmap) and those of them `repeated` in the file
        (null: none); for each spelling of a place one row with `cidade`, `estado`,
        `capital_social_total` (reais) and `quantidade_empresas`, repeats and all. Of a source with
        `retraction` only the report, and the places of that: negative.
        Every row has `file`, the number of its source; the columns of the other kinds are null.
    """
    directory = str(quarantine_dir)

    def read(some: list[Source], share: TaskResources) -> Iterator[Any]:
        from streaming.reading import worker  # DuckDB is loaded on the executors alone

        return worker.summarise(some, rules, directory, share)

    return _read(spark, sources, read, SUMMARIES)


def fitting_rows(spark: SparkSession, sources: Sequence[Source], rules: Sequence[Rules]) -> DataFrame:
    """
    Read the rows that fit, one by one; rules[n] are those of the source of number n.

    Returns:
        One row per line that fits: `file` (the number of its source), `line` (its place among the lines
        of the file), `empresa` (root and branch of the CNPJ, 12 characters), `cidade`, `estado`,
        `capital_social` (reais).

    Raises, when it is evaluated:
        FileChanged, FileRejected: a file is not, or no longer, what was counted.
    """

    def read(some: list[Source], share: TaskResources) -> Iterator[Any]:
        from streaming.reading import worker

        return worker.fitting_rows(some, rules, share)

    return _read(spark, sources, read, ROWS)


def aggregate(summaries: DataFrame) -> DataFrame:
    """
    Add up the places of summaries.

    Returns:
        One row per `cidade` and `estado` that has companies, with `capital_social_total` (decimal,
        reais) and `quantidade_empresas` (bigint).
    """
    return (
        summaries.where(F.col("cidade").isNotNull())
        .groupBy("cidade", "estado")
        .agg(
            F.sum("capital_social_total").alias("capital_social_total"),
            F.sum("quantidade_empresas").alias("quantidade_empresas"),
        )
        .where(F.col("quantidade_empresas") > 0)
    )


def _spread(sources: Sequence[Source], cores: int) -> tuple[list[list[Source]], TaskResources]:
    """
    Share files out over tasks, the largest first to the least loaded; return what each task may take.

    As many tasks as there are files and cores, but none for little: asking one more worker takes as long
    as reading some megabytes. Cores without a task read the pieces of large files.
    """
    load = sum(map(_load, sources))
    tasks: list[list[Source]] = [[] for _ in range(min(cores, len(sources), 1 + load // TASK_BYTES))]
    loads = [0] * len(tasks)
    for source in sorted(sources, key=_load, reverse=True):
        lightest = loads.index(min(loads))
        tasks[lightest].append(source)
        loads[lightest] += _load(source)
    pieces = 1 + max(source.size for source in sources) // TASK_BYTES
    return tasks, TaskResources(threads=min(pieces, cores // len(tasks)), readers=len(tasks))


def _load(source: Source) -> int:
    return source.size + 64 * 1024  # opening one costs about as much as reading this


def _read(
    spark: SparkSession,
    sources: Sequence[Source],
    read: Callable[[list[Source], TaskResources], Iterator[Any]],
    schema: str,
) -> DataFrame:
    """Let the executors read the sources, with all their cores, into rows of this schema."""
    tasks, part = _spread(sources, spark.sparkContext.defaultParallelism)

    def share(ids: Iterator[Any]) -> Iterator[Any]:
        for batch in ids:
            for task in batch.column(0).to_pylist():
                yield from read(tasks[task], part)

    return spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(share, schema)
