"""
Spark jobs over the files of Receita Federal: records by group of roots, and both kinds joined.

A group is a share of all roots (a hash of the root's text decides), so an establishment and its company
are in the same one. Workers leave records in files; Spark shuffles where those of a group are. So
no record passes through the JVM, and a worker holds one group at a time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, Row, SparkSession

from streaming.pipeline.spark_errors import translated
from streaming.receita.establishments import Rules
from streaming.receita.layout import EMPRECSV, ESTABELE
from streaming.receita.pieces import Piece
from streaming.spark import session

GROUP_BYTES = 64 * 1024 * 1024
"""Of ESTABELE in one group: some 300,000 establishments, of which a worker holds one group at a time."""
MOST_GROUPS = 4096
TASKS_A_CORE = 4
PARTITIONS = "spark.sql.shuffle.partitions"
PAUSE = 0.5
RECORDS = "grupo int, arquivo string, inicio bigint, bytes bigint, contagem string"
FRAGMENTS = "grupo int, arquivo string, linhas bigint, contagem string, nao_informados array<string>"


def records(
    spark: SparkSession, pieces: Sequence[Piece], rules: Rules, groups: int, directory: Path
) -> DataFrame:
    """
    Read pieces of one kind on the executors.

    Returns:
        One row per piece and group: `grupo` (int), where its records are (`arquivo`, `inicio`,
        `bytes`), and `contagem` (JSON, counts of the piece; null in all but one of its rows).

    Raises, when it is evaluated:
        EnvironmentRefused: a file cannot be read or written (inside PySparkException).
    """

    # A task costs as much as reading some megabytes. Several a core: none waits long for the others.
    tasks = min(len(pieces), TASKS_A_CORE * spark.sparkContext.defaultParallelism)

    def read(batches: Iterator[Any]) -> Iterator[Any]:
        from streaming.receita import worker  # only executors need it

        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from worker.records(pieces[number::tasks], rules, groups, directory)

    return spark.range(0, tasks, 1, tasks).mapInArrow(read, RECORDS)


def joined(establishments: DataFrame, companies: DataFrame, directory: Path) -> DataFrame:
    """
    Join records of both kinds, and write the lines of each group into a file in a directory.

    Returns:
        One row per group: `grupo` (int), `arquivo` and `linhas` (bigint: the file written, and how many
        lines), `contagem` (JSON, all counts), `nao_informados` (CNPJs of companies whose capital was not
        informed).

    Raises, when it is evaluated:
        EnvironmentRefused: the directory cannot be written (inside PySparkException).
    """

    def join(established: Any, registered: Any) -> Any:
        from streaming.receita import worker

        return worker.fragment(established, registered, directory)

    pairs = establishments.groupBy("grupo").cogroup(companies.groupBy("grupo"))
    return pairs.applyInArrow(join, FRAGMENTS)


def fragments(
    spark: SparkSession,
    pieces: Sequence[Piece],
    rules: Rules,
    directory: Path,
    report: Callable[[str], None],
) -> list[Row]:
    """
    Return the rows of `joined` over pieces of both kinds, by group.

    Args:
        spark: a session on this machine.
        pieces: of both kinds.
        rules: which establishments count.
        directory: has the directories `records` and `fragments`, which are filled.
        report: is told how many pieces were read.

    Raises:
        RunFailed: Spark failed, or a piece could not be read.
    """
    of_kind = [[piece for piece in pieces if piece.layout == kind] for kind in (ESTABELE, EMPRECSV)]
    # The number depends on the content alone, so that the same files give the same order of rows.
    groups = min(1 + sum(piece.end - piece.start for piece in of_kind[0]) // GROUP_BYTES, MOST_GROUPS)
    read = [records(spark, kind, rules, groups, directory / "records") for kind in of_kind]
    tasks = min(groups, TASKS_A_CORE * spark.sparkContext.defaultParallelism)
    before = spark.conf.get(PARTITIONS)
    spark.conf.set(PARTITIONS, tasks)
    try:
        with translated(), _watched(spark, report):
            rows = joined(read[0], read[1], directory / "fragments").collect()
    finally:
        if session.is_alive():
            spark.conf.set(PARTITIONS, str(before))
    return sorted(rows, key=lambda row: row.grupo)


@contextmanager
def _watched(spark: SparkSession, report: Callable[[str], None]) -> Iterator[None]:
    """Tell, while the block runs, how many tasks have ended."""
    done = threading.Event()

    def watch() -> None:
        tracker = spark.sparkContext.statusTracker()
        with suppress(Py4JError, ConnectionError):  # Spark's end is told by what waits for it
            while not done.wait(PAUSE):
                jobs = [tracker.getJobInfo(job) for job in tracker.getActiveJobsIds()]
                stages = [tracker.getStageInfo(n) for job in jobs if job for n in job.stageIds]
                ended = sum(stage.numCompletedTasks for stage in stages if stage)
                tasks = sum(stage.numTasks for stage in stages if stage)
                report(f"reading and joining: {100 * ended // max(tasks, 1)} % of {tasks} tasks")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
