"""
Spark jobs over files: summaries read on the executors, and their sums per place.

The functions take and return DataFrames, and know no other service. DuckDB reads the files in Python
workers, so the rows of a file never pass through the JVM.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.landing.zone import Folder
from streaming.reading.messages import Rules, Source, TaskResources

SUMMARIES = """
    file int, report string, block string, companies binary, repeated binary,
    cidade string, estado string, mes string, faixa tinyint,
    capital_social_total decimal(28,2), quantidade_empresas bigint
"""

ROWS = """
    file int, line bigint, empresa string, cidade string, estado string, mes string, faixa tinyint,
    capital_social decimal(14,2)
"""

_SPECIAL = re.compile(r"[{}\[\]*?\\]")

TASK_BYTES = 4 * 1024 * 1024


def landed(spark: SparkSession, landing_zone: Path) -> DataFrame:
    """
    Return the stream of CSV files in a landing zone, with the one column `path` (text).

    Spark does not read the files. It also lists the directories below, and fails at one that it cannot
    read.

    Raises:
        ValueError: Spark cannot take the directory's name.
    """
    return (
        spark.readStream.format("binaryFile")
        .schema("path string, modificationTime timestamp, length bigint, content binary")
        .option("pathGlobFilter", "*.[cC][sS][vV]*")
        .option("recursiveFileLookup", True)  # or Spark guesses partitions from directories
        .load(pattern(landing_zone))
        .select("path")
    )


def pattern(directory: Path) -> str:
    """
    Return the path pattern that matches this directory and no other: Spark reads paths as patterns.

    Raises:
        ValueError: there is no such pattern.
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
    Return the URL of a path for Hadoop, which does not decode what `Path.as_uri` encodes.

    Raises:
        ValueError: the path is not UTF-8, so the JVM has no name for it.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"not UTF-8: {name!r}") from None
    return f"file://{name}"


def summarise(spark: SparkSession, sources: Sequence[Source], rules: Rules, folder: Folder) -> DataFrame:
    """
    Read the files on the executors; rejected rows go to the quarantine.

    Returns:
        Rows of three kinds. Each has `file` (int), the number of its source; the columns of the other
        kinds are null.

        - one row per file: `report` (JSON of `Report`).
        - one row per ledger block with companies of the file: `block` (text), `companies` (roaring
          bitmap) and `repeated`, those of them repeated in the file (roaring bitmap; null: none).
        - one row per spelling of a place, month and capital band: `cidade`, `estado`, `mes` (text,
          AAAA-MM), `faixa` (tinyint, number of the band), `capital_social_total` (decimal, reais) and
          `quantidade_empresas` (bigint); repeated companies count every time.

        A source with a `retraction` has only its report, and the cells to subtract, negative.

    Raises, when it is evaluated:
        PySparkException: a task failed; a file that cannot be read does not fail its task.
    """

    def read(task: list[Source], resources: TaskResources) -> Iterator[Any]:
        from streaming.reading import worker  # only executors load DuckDB

        return worker.summarise(task, rules, folder, resources)

    return _read(spark, sources, read, SUMMARIES)


def fitting_rows(spark: SparkSession, sources: Sequence[Source], rules: Sequence[Rules]) -> DataFrame:
    """
    Read the rows that fit, one by one; rules[n] are those of the source of number n.

    Returns:
        One row per row that fits: `file` (int, the number of its source), `line` (bigint, its position
        among the rows of the file), `empresa` (text, root and branch of the CNPJ, 12 characters),
        `cidade`, `estado`, `mes` (text), `faixa` (tinyint), `capital_social` (decimal, reais).

    Raises, when it is evaluated:
        FileChanged, FileRejected, RunFailed: a file was not read to its end (inside PySparkException).
    """

    def read(task: list[Source], resources: TaskResources) -> Iterator[Any]:
        from streaming.reading import worker

        return worker.fitting_rows(task, rules, resources)

    return _read(spark, sources, read, ROWS)


def aggregate(summaries: DataFrame) -> DataFrame:
    """
    Add up the cells of summaries, also negative ones.

    Returns:
        One row per `cidade`, `estado`, `mes` (text) and `faixa` (tinyint) with `capital_social_total`
        (decimal, reais) and `quantidade_empresas` (bigint, above 0).
    """
    return (
        summaries.groupBy("cidade", "estado", "mes", "faixa").agg(
            F.sum("capital_social_total").alias("capital_social_total"),
            F.sum("quantidade_empresas").alias("quantidade_empresas"),
        )
        # A cell may be taken back whole. Reports and blocks have none: they add up to NULL.
        .where(F.col("quantidade_empresas") > 0)
    )


def _spread(sources: Sequence[Source], cores: int) -> tuple[list[list[Source]], TaskResources]:
    """
    Distribute files over tasks, the largest first to the least loaded, and return a task's resources.

    There are at most as many tasks as files and as cores, and no task for little: another worker costs
    as much time as reading some megabytes. Cores without a task help to read large files in pieces.
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
    """Return the rows of this schema that `read` yields on the executors, for all sources."""
    tasks, resources = _spread(sources, spark.sparkContext.defaultParallelism)

    def read_tasks(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from read(tasks[number], resources)

    # Spark distributes the numbers of the tasks, one to a partition; the files are read by path.
    return spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(read_tasks, schema)
