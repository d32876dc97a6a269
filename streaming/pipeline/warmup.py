"""
Warm-up: what the first file would otherwise pay for is done while there is nothing to read yet.

`load_workers` has the workers load DuckDB while the stream is set up. `rehearse` runs one tiny file
through Spark, so that the first real one does not pay for class loading (an always-on service does so).
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from streaming.domain import ledger
from streaming.landing import local
from streaming.pipeline import spark_jobs
from streaming.pipeline.batch import Batch
from streaming.reading.messages import Rules, TaskResources
from streaming.spark import session

NAME = "x.csv"
CONTENT = "cnpj,data_abertura,cidade,estado,capital_social\n00000000000100,2026-01-31,Natal,RN,1.00\n"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.warmup")


def load_workers(spark: SparkSession) -> None:
    """Load, in the background, what a worker will need while the stream is set up on the other cores."""
    threading.Thread(target=_load_workers, args=(spark,), daemon=True).start()


def _load_workers(spark: SparkSession) -> None:
    try:
        check_workers(spark)
    except Exception as error:  # it was only to save time; and the session may have ended meanwhile
        log.debug("workers were not warmed up", why=session.cause(error))


def check_workers(spark: SparkSession) -> None:
    """
    Have a worker load what it needs to read files.

    Raises:
        PySparkException, Py4JError: Spark has no worker that can.
    """

    def load(batches: Iterator[Any]) -> Iterator[Any]:
        from streaming.reading import engine, worker  # noqa: F401

        engine.connection(TaskResources())
        yield from batches

    spark.range(0, 1, 1, 1).mapInArrow(load, "id bigint").collect()


def rehearse(spark: SparkSession) -> None:
    """Stream a file of one company through all but Redis, in a directory that goes with Spark's."""
    try:
        directory = Path(tempfile.mkdtemp(dir=os.environ["SPARK_LOCAL_DIRS"]))
        zone = directory / "zone"
        zone.mkdir()
        (zone / NAME).write_text(CONTENT)
        rules = Rules(datetime.now(UTC))

        def ingest(batch: DataFrame, _: int) -> None:
            batch.collect()
            file = local.stat_file(zone, NAME)
            assert file is not None
            one_file = Batch(spark, [file], rules, zone, directory / "quarantine")
            one_file.increments({NAME: ledger.Verdict(1, {})})
            one_file.close()

        stream = spark_jobs.landed(spark, zone).writeStream.foreachBatch(ingest)
        stream.option("checkpointLocation", spark_jobs.location(directory / "checkpoint"))
        stream.trigger(availableNow=True).start().awaitTermination()
    except (OSError, PySparkException, Py4JError) as error:  # it was only to save time
        log.info("no rehearsal", why=session.cause(error))
