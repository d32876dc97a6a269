"""The Spark session: what it needs, and nothing it does not."""

import os
import shutil
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from streaming.errors import EnvironmentRefused
from streaming.settings import Settings

JAVA = 17
NOISE = (
    "WARNING: Using incubator modules",  # Spark asks the JVM for them
    "nanobind:",  # DuckDB's bindings, about the interpreter's own end
    " - leaked",
    " - ... skipped",
    "See https://nanobind",
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.session")


def start(settings: Settings) -> SparkSession:
    """
    Start Spark, or return the session that runs already.

    Raises:
        EnvironmentRefused: there is no Java 17 or newer, or the master can not be reached.
    """
    java()
    # Workers have to be this interpreter, not the first python3 on the path.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    logging = files("streaming").joinpath("log4j2.properties")
    # The JVM finds, hands out and adds up; DuckDB does the work. So what counts is that it starts fast.
    fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    conf = {
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging} {fast}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        # Sums per place are at most some thousand rows a file: more shuffling costs more than it gives.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        # The stream asks for names alone: a task looks at thousands of files as easily as at one, and
        # looking each of them up first is nothing to start a job of as many tasks for.
        "spark.sql.files.openCostInBytes": "1024",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000",
        # A directory `_spark_metadata` in the landing zone is not what says which files there are.
        "spark.sql.streaming.fileStreamSink.ignoreMetadata": "true",
    }
    if settings.spark_master.startswith("local"):
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    conf |= {"spark.app.name": "city-features", "spark.master": settings.spark_master}
    configured = SparkConf().setAll(list(conf.items()))
    try:
        if SparkContext._gateway is None:
            SparkContext._ensure_initialized(gateway=_launch(configured), conf=configured)
        return SparkSession.builder.config(conf=configured).getOrCreate()
    except PySparkException as error:
        raise EnvironmentRefused(
            f"Spark did not start at {settings.spark_master}: {str(error).splitlines()[0]}; "
            f"see the lines above, and check Java {JAVA} with city-features check"
        ) from None


def cause(error: Exception) -> str:
    """Return the line of a Spark error that says what happened."""
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("An error occurred while calling")]
    ours = [line for line in lines if line.startswith("streaming.errors.")]
    return ours[-1].partition(": ")[2] if ours else lines[0] if lines else "no reason given"


def _launch(conf: SparkConf) -> Any:
    """Start the JVM; what it and its Python workers write to stderr becomes our log."""
    reader, writer = os.pipe()
    try:
        gateway = launch_gateway(conf, {"stderr": writer})  # type: ignore[no-untyped-call]
    finally:
        os.close(writer)
        threading.Thread(target=_relay, args=(reader,), daemon=True).start()
    return gateway


def _relay(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith(NOISE):
                log.warning("spark", line=line.rstrip())


def java() -> str:
    """Return the java that Spark will run, or raise EnvironmentRefused."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        raise EnvironmentRefused(
            f"Java is missing{f' under JAVA_HOME={home}' if home else ''}; install Java {JAVA} or "
            "newer (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)"
        )
    return found


def java_version() -> str:
    """
    Return the version of Java, as it says itself.

    Raises:
        EnvironmentRefused: there is none, or it is older than Spark needs.
    """
    said = subprocess.run([java(), "-version"], capture_output=True, text=True, check=False)
    quoted = said.stderr.split('"')
    version = quoted[1] if len(quoted) > 1 else "unknown"
    major = version.split(".")[0]
    if not major.isdigit() or int(major) < JAVA:
        raise EnvironmentRefused(f"Java {version} at {Path(java())} is older than {JAVA}")
    return version
