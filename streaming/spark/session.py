"""The Spark session: what it needs, and nothing it does not."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from py4j.protocol import Py4JJavaError
from pyspark import SparkConf
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from streaming.errors import EnvironmentRefused
from streaming.settings import Settings
from streaming.spark import cluster, environment, gateway, jvm
from streaming.spark.starting import Starting

_FILE_MANAGER = (
    "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.spark.session")


def start(
    settings: Settings, starting: Starting | None = None, stop: threading.Event | None = None
) -> SparkSession:
    """
    Start Spark, in a JVM that may be on its way, or return the session that runs already.

    After `stop` another session can start in the same process. Signal handlers stay as they were.

    Raises:
        Stopped: `stop` was set while the JVM started.
        EnvironmentRefused: there is no Java 17 or newer, the machine lacks something else, or the master
            cannot be reached.
    """
    gateway.silence()
    local = cluster.is_local(settings.spark_master)
    environment.adopt(local=local)
    if settings.spark_master.startswith("spark://"):
        _require_reachable(settings.spark_master)
    if not gateway.is_open():
        _start_jvm(settings.spark_master, starting, stop)
    try:
        with _sigint_kept():
            spark = SparkSession.builder.config(conf=_configuration(settings, local)).getOrCreate()
    except (PySparkException, Py4JJavaError) as error:  # the latter: no master there
        why = cause(error)
        gateway.close()
        raise EnvironmentRefused(
            f"Spark did not start at {settings.spark_master}: {why}; {_advice(local, why)}"
        ) from None
    # It would print a traceback when the JVM goes: that is said otherwise.
    spark.sparkContext._accumulatorServer.handle_error = lambda *_: None  # type: ignore[method-assign]
    if not local:
        cluster.watch(spark)
    return spark


@contextmanager
def _sigint_kept() -> Iterator[None]:
    """Put the handler of Ctrl-C back: PySpark's is for a shell, and asks a JVM that may be gone."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _configuration(settings: Settings, local: bool) -> SparkConf:
    conf = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        # Sums per place are at most some thousand rows a file: more shuffling costs more than it gives.
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        # Code made for some thousand rows is compiled for longer than it runs.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        # The stream asks for names alone: a task looks at thousands of files as easily as at one, and
        # looking each of them up first is nothing to start a job of as many tasks for.
        "spark.sql.files.openCostInBytes": "1024",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000000",
        # As Spark has it, twelve processes are started for each small file of a checkpoint (readlink,
        # chmod): a tenth of a second a batch.
        "spark.sql.streaming.checkpointFileManagerClass": _FILE_MANAGER,
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        # Spark refuses a checkpoint beside one with an encoded name, as earlier versions made: 100%25
        "spark.sql.streaming.checkpoint.escapedPathCheck.enabled": "false",
        # A directory `_spark_metadata` in the landing zone is not what says which files there are.
        "spark.sql.streaming.fileStreamSink.ignoreMetadata": "true",
    }
    if local:
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        conf |= {"spark.executorEnv.TMPDIR": os.environ["SPARK_LOCAL_DIRS"]}
    conf |= {"spark.app.name": "city-features", "spark.master": settings.spark_master}
    return SparkConf().setAll(list(conf.items()))


def stop(spark: SparkSession) -> None:
    """
    End Spark, its JVM and its workers, and remove what they put aside; nothing of them is left.

    A JVM that is all of Spark has nothing to end in good order: it is killed, which takes no time. Its
    workers end with it.
    """
    if not cluster.is_local(str(spark.sparkContext.master)):
        spark.stop()
    gateway.close()


def is_alive() -> bool:
    """Return whether Spark's JVM runs."""
    return gateway.is_alive()


def _require_reachable(masters: str) -> None:
    """Refuse masters of which none answers: Spark would try for a minute, and not say why."""
    failed = []
    for place in masters.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except (OSError, ValueError, OverflowError) as error:
            failed.append(str(error))
    raise EnvironmentRefused(
        f"no Spark master answers at {masters}: {'; '.join(failed)}; is SPARK_MASTER right, and it up?"
    )


def _advice(local: bool, why: str) -> str:
    if "Master URL" in why:
        return "set SPARK_MASTER to local[*] or spark://host:port"
    if local:
        return "city-features check looks at Java and the temporary directory"
    if "UnknownHost" in why:
        return "the name of this machine does not resolve: set SPARK_LOCAL_IP to its address"
    return "is SPARK_MASTER right, and the cluster there?"


def cause(error: Exception) -> str:
    """Return the line of a Spark error that says what happened."""
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("An error occurred while calling")]
    ours = [line for line in lines if line.startswith("streaming.errors.")]
    if ours:
        return ours[-1].partition(": ")[2]
    if any("Python worker exited unexpectedly" in line for line in lines):
        return "a worker process died while it read: killed, crashed, or out of memory"
    # A worker's traceback ends with what happened.
    raised = [line for line in lines if re.match(r"(\w+\.)*\w+(Error|Exception): ", line)]
    if raised and lines[0].startswith("An exception was "):  # "thrown from the Python worker", and such
        return f"a worker failed: {raised[0]}"
    return lines[0] if lines else "no reason given"


def _start_jvm(master: str, starting: Starting | None, stop: threading.Event | None) -> None:
    """Let PySpark use a new JVM; if it does not start as prepared, one that starts as Spark does."""
    is_local = cluster.is_local(master)
    starting = starting or (jvm.start() if is_local else jvm.submit(master))
    try:
        try:
            gateway.open_(starting, stop)
        except RuntimeError as error:
            if not is_local:
                raise
            log.info("the JVM does not start as prepared", why=str(error))
            starting.end()
            starting = jvm.start(prepared=False)
            gateway.open_(starting, stop)
    except RuntimeError as error:
        starting.end()
        raise EnvironmentRefused(
            f"Spark did not start: {error}; city-features check looks at Java"
        ) from None
    except BaseException:  # Ctrl-C too: nobody else would end the JVM
        starting.end()
        raise
