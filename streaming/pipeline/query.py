"""The streaming queries over the landing zone."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from streaming.errors import CityFeaturesError, SparkEnded
from streaming.landing import local
from streaming.pipeline import source, spark_errors, spark_jobs
from streaming.spark import session

Ingest = Callable[[DataFrame, int], None]

FEW = 1000
"""Names that are listed, and looked up in Redis, in less time than Spark needs for a job (40 ms)."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.stream")


def names(
    spark: SparkSession, landing_zone: Path, checkpoint: Path, ingest: Ingest
) -> StreamingQuery | None:
    """
    Start a query that hands all names that Spark's file source finds to `ingest`, once.

    Return None where Spark cannot look.

    Raises:
        RunFailed: Spark failed.
    """
    if is_of_handed_files(checkpoint):
        log.info("the checkpoint is of an object store: a new one is begun", checkpoint=str(checkpoint))
        shutil.rmtree(checkpoint)
    # A micro-batch is unbounded: the stream cuts it into batches after it left out files that have a
    # record. Bounded by Spark, a batch could be full of files that were ingested before.
    return _start(lambda: spark_jobs.landed(spark, landing_zone), checkpoint, ingest, follow=False)


def discovered(
    spark: SparkSession, address: str, checkpoint: Path, ingest: Ingest, *, follow: bool
) -> StreamingQuery | None:
    """
    Start a query over the files that the driver hands out at this address, once or until it is stopped.

    Return None where Spark cannot write the checkpoint.

    Raises:
        RunFailed: Spark failed.
    """
    return _start(lambda: source.discovered(spark, address), checkpoint, ingest, follow=follow)


def _start(
    stream: Callable[[], DataFrame], checkpoint: Path, ingest: Ingest, *, follow: bool
) -> StreamingQuery | None:
    try:
        location = spark_jobs.location(checkpoint)
        if is_torn(checkpoint):
            log.warning(
                "a power loss damaged the checkpoint: a new one is begun", checkpoint=str(checkpoint)
            )
            shutil.rmtree(checkpoint)
        with spark_errors.translated():
            writer = stream().writeStream.foreachBatch(ingest).option("checkpointLocation", location)
            return _triggered(writer, follow=follow).start()
    except ValueError as error:
        log.warning("Spark cannot look here: files are found without it", why=str(error))
        return None


def _triggered(writer: DataStreamWriter, *, follow: bool) -> DataStreamWriter:
    if follow:
        # At once after the batch before: it is the driver that lets the source wait.
        return writer.trigger(processingTime="0 seconds")
    return writer.trigger(availableNow=True)


def is_active(running: StreamingQuery) -> bool:
    """Return whether a query runs; raises SparkEnded: Spark's JVM has ended."""
    with spark_errors.translated():
        return running.isActive


def end(
    running: StreamingQuery,
    turn: AbstractContextManager[object],
    error: BaseException | None,
    checkpoints: Path,
) -> None:
    """
    Stop a query after the batch in hand, which holds `turn`, and raise what made it fail.

    Args:
        error: what its function raised, if anything.

    Raises:
        SparkEnded: Spark's JVM has ended.
        CityFeaturesError: `error` is one.
        RunFailed: the query failed otherwise.
    """
    if not session.is_alive():
        raise SparkEnded from error
    with spark_errors.translated():
        with turn:
            failure = running.exception()
        running.stop()
    if isinstance(error, CityFeaturesError):
        raise error
    if failure is not None:
        raise spark_errors.stream_failed(session.cause(failure), checkpoints) from error


def discovered_names(discovered: DataFrame, landing_zone: Path) -> set[str]:
    """
    Return the names of the files that Spark discovered; of a landing zone with FEW, all its names.

    They may name files that were counted before, or no files.

    Raises:
        LandingZoneAway: the landing zone cannot be listed.
        PySparkException: Spark's job failed.
    """
    few = local.names(landing_zone, FEW)
    if few is not None:
        return few
    # A set: Spark also discovers files in directories below, with the same names.
    return {row.path.rpartition("/")[2] for row in discovered.collect()}


def is_torn(checkpoint: Path) -> bool:
    """
    Return whether a file of a checkpoint is empty, or has zeros in it, as a power loss may leave it.

    Spark writes them under other names and renames them, so nothing else does; it does not flush them.
    """
    logs = (p for p in checkpoint.rglob("*") if not p.name.startswith(".") and p.is_file())
    return any(not (content := path.read_bytes()) or b"\0" in content for path in logs)


def is_of_handed_files(checkpoint: Path) -> bool:
    """Return whether a checkpoint is of `discovered`, whose offsets Spark's file source cannot read."""
    logs = checkpoint.glob("offsets/[0-9]*")
    return any(b'\n{"answers"' in path.read_bytes() for path in logs)
