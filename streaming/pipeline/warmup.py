"""
Warm-up: what the first file would otherwise pay for is done while there is nothing to read yet.

`load_workers` has the workers load DuckDB while the stream is set up. `rehearse`, of an always-on
service, reads one tiny file and makes a commit of it, so that the first real one does not pay for
class loading in Spark, nor for the list of municipalities.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from streaming.domain import ledger
from streaming.domain.records import Commit
from streaming.landing.directory import Directory
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline.batch import Batch
from streaming.reading.messages import Rules, TaskResources
from streaming.spark import session
from streaming.store import merge

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
    """Read a file of one company, up to its commit, in a directory that goes with Spark."""
    try:
        zone = Path(tempfile.mkdtemp(dir=os.environ["SPARK_LOCAL_DIRS"]))
        (zone / NAME).write_text(CONTENT)
        landing_zone, folder = Directory(zone), LocalFolder(zone / "quarantine")
        files, rules = landing_zone.listing(), Rules(datetime.now(UTC))
        with closing(Batch(spark, files, rules, landing_zone, folder)) as batch:
            increments = batch.increments({NAME: ledger.Verdict(1, {})})
        merge.call(Commit(0, rules.now.isoformat(), increments, {}, {}), str, {})  # it is not sent
    except (OSError, PySparkException, Py4JError) as error:  # it was only to save time
        log.info("no rehearsal", why=session.cause(error))
