"""The streaming query over the landing zone."""

from collections.abc import Callable
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming.pipeline import spark_errors, spark_jobs

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.stream")


def start(
    spark: SparkSession,
    landing_zone: Path,
    checkpoint: Path,
    ingest: Callable[[DataFrame, int], None],
    *,
    follow: bool,
) -> StreamingQuery | None:
    """
    Start a query that hands the names of discovered files to `ingest`; return None where Spark cannot.

    Raises:
        RunFailed: Spark failed.
    """
    try:
        spark_jobs.pattern(landing_zone)
        location = spark_jobs.location(checkpoint)
    except ValueError as error:
        log.warning("Spark cannot look here: files are looked for once a second", why=str(error))
        return None
    # A micro-batch is unbounded: the stream cuts it into batches after it left out files that have a
    # record. Bounded by Spark, a batch could be full of files that were ingested before.
    with spark_errors.translated():
        landed = spark_jobs.landed(spark, landing_zone)
        stream = landed.writeStream.foreachBatch(ingest).option("checkpointLocation", location)
        if follow:
            return stream.trigger(processingTime="50 milliseconds").start()
        return stream.trigger(availableNow=True).start()
