"""Warnings about what goes wrong on a cluster without any error."""

import threading
import time
from collections.abc import Iterable

import structlog
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from streaming.landing import quarantine
from streaming.landing.zone import Folder

PATIENCE = 30.0  # seconds without a worker
AGAIN = 60.0
POLL = 1.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.spark.cluster")


def is_local(master: str) -> bool:
    """Return whether Spark's workers are processes of this machine."""
    return master.startswith("local")


def watch(spark: SparkSession) -> None:
    """Warn, once a minute, while no worker has the cores and the memory that the service requests."""
    threading.Thread(target=_watch, args=(spark,), daemon=True).start()


def _watch(spark: SparkSession) -> None:
    due = time.monotonic() + PATIENCE
    conf = spark.sparkContext.getConf()
    requested = {
        "memory": conf.get("spark.executor.memory", "1g"),
        "cores": conf.get("spark.executor.cores", "any"),
    }
    try:
        while spark.sparkContext._jsc is not None:
            if _executors(spark):
                due = time.monotonic() + PATIENCE
            elif time.monotonic() > due:
                log.warning(
                    "no worker has the memory and cores asked for: waiting for one; the master's page "
                    "shows what is free, spark-defaults.conf in SPARK_CONF_DIR asks for less",
                    **requested,
                )
                due = time.monotonic() + AGAIN
            time.sleep(POLL)
    except (Py4JError, OSError) as error:  # Spark has ended
        log.debug("the workers are watched no longer", why=str(error))


def _executors(spark: SparkSession) -> int:
    """Return how many executors there are."""
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    return len(tracker.getExecutorInfos()) - 1  # one is the driver


def warn_unseen(folder: Folder, files: Iterable[str]) -> None:
    """Warn of files with rejected rows whose quarantine is not here: it stayed with a worker."""
    if unseen := [file for file in files if not quarantine.has(folder, file)]:
        log.warning(
            "rejected rows stayed on a worker: let QUARANTINE be a directory that this machine and all "
            "workers share",
            quarantine=str(folder),
            files=unseen[:10],
        )
