"""The way of a file, gone once before the first one comes: classes are loaded, workers are there."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from streaming.domain import ledger
from streaming.landing import local
from streaming.pipeline import spark_jobs
from streaming.pipeline.batch import Batch
from streaming.reading.messages import Rules
from streaming.spark import session

NAME = "x.csv"
CONTENT = "cnpj,data_abertura,cidade,estado,capital_social\n00000000000100,2026-01-31,Natal,RN,1.00\n"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.warmup")


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
            found = local.look(zone, NAME)
            assert found is not None
            read = Batch(spark, [found], rules, zone, directory / "quarantine")
            read.increments({NAME: ledger.Verdict(1, {})})
            read.close()

        stream = spark_jobs.landed(spark, zone).writeStream.foreachBatch(ingest)
        stream.option("checkpointLocation", spark_jobs.location(directory / "checkpoint"))
        stream.trigger(availableNow=True).start().awaitTermination()
    except (OSError, PySparkException, Py4JError) as error:  # it was only to save time
        log.info("no rehearsal", why=session.cause(error))
