"""The Spark session: what it needs, and nothing it does not."""

import logging
import os
import pwd
import re
import socket
import threading
from typing import Any

import structlog
from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from streaming import scratch
from streaming.errors import EnvironmentRefused
from streaming.settings import Settings
from streaming.spark import cluster, environment, java, jvm

_FILE_MANAGER = (
    "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.spark.session")


def start(
    settings: Settings, starting: jvm.Starting | None = None, stop: threading.Event | None = None
) -> SparkSession:
    """
    Start Spark, in a JVM that may be on its way, or return the session that runs already.

    Raises:
        Stopped: `stop` was set while the JVM started.
        EnvironmentRefused: there is no Java 17 or newer, the machine lacks something else, or the master
            cannot be reached.
    """
    # Py4J tells the root logger, which would print it, whatever it raises too.
    logging.getLogger().addHandler(logging.NullHandler())
    local = cluster.is_local(settings.spark_master)
    environment.adopt(local=local)
    if settings.spark_master.startswith("spark://"):
        _look(settings.spark_master)
    if SparkContext._gateway is None:
        gateway = _local(starting or jvm.start(), stop) if local else _cluster(settings.spark_master)
        SparkContext._ensure_initialized(gateway=gateway)
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
    configured = SparkConf().setAll(list(conf.items()))
    try:
        spark = SparkSession.builder.config(conf=configured).getOrCreate()
    except (PySparkException, Py4JJavaError) as error:  # the latter: no master there
        why = cause(error)
        _end()
        raise EnvironmentRefused(
            f"Spark did not start at {settings.spark_master}: {why}; {_advice(local, why)}"
        ) from None
    # It would print a traceback when the JVM goes: that is said otherwise.
    spark.sparkContext._accumulatorServer.handle_error = lambda *_: None  # type: ignore[method-assign]
    if not local:
        cluster.watch(spark)
    return spark


def stop(spark: SparkSession) -> None:
    """
    End Spark, its JVM and its workers, and remove what they put aside; nothing of them is left.

    A JVM that is all of Spark has nothing to end in good order: it is killed, which takes no time. Its
    workers end with it.
    """
    context = spark.sparkContext
    if str(context.master).startswith("local"):
        logging.disable()  # Py4J would tell that it is gone
    else:
        spark.stop()
    _end()


def is_alive() -> bool:
    """Return whether Spark's JVM runs."""
    return SparkContext._gateway is not None and SparkContext._gateway.proc.poll() is None


def _look(masters: str) -> None:
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


def _end() -> None:
    gateway = SparkContext._gateway
    assert gateway is not None
    gateway.proc.kill()
    gateway.proc.wait()
    scratch.remove(gateway.directory)
    os.environ.pop("SPARK_LOCAL_DIRS", None)


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


def _local(starting: jvm.Starting, stop: threading.Event | None) -> Any:
    """Return the gateway of a JVM on its way; of another one, started as Spark does, if it fails."""
    try:
        port, secret = starting.gateway(stop)
    except RuntimeError as error:
        log.info("the JVM does not start as prepared", why=str(error))
        scratch.remove(starting.directory)
        starting = jvm.start(prepared=False)
        try:
            port, secret = starting.gateway(stop)
        except RuntimeError as again:
            scratch.remove(starting.directory)
            raise EnvironmentRefused(
                f"Spark did not start: {again}; city-features check looks at Java"
            ) from None
    os.environ["SPARK_LOCAL_DIRS"] = starting.plain
    os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    try:
        gateway = launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"):  # of no other process's business
            del os.environ[name]
    gateway.proc, gateway.directory = starting.process, starting.directory
    _name_user(gateway)
    return gateway


def _cluster(master: str) -> Any:
    """Return the gateway of a JVM that spark-submit starts, with what spark-defaults.conf says."""
    java.version()
    directory = scratch.make()
    os.environ["SPARK_LOCAL_DIRS"] = plain = scratch.plain(directory)
    options = " ".join([jvm.options(), *jvm.tmpdir_options(plain)])
    conf = SparkConf().set("spark.driver.extraJavaOptions", options).set("spark.master", master)
    writer = jvm.log_pipe()
    try:
        gateway = launch_gateway(conf, {"stderr": writer})  # type: ignore[no-untyped-call]
    except (PySparkException, OSError) as error:
        scratch.remove(directory)
        raise EnvironmentRefused(
            f"Spark did not start: {cause(error)}; city-features check looks at Java"
        ) from None
    finally:
        os.close(writer)
    gateway.directory = directory
    _name_user(gateway)
    return gateway


def _name_user(gateway: Any) -> None:
    """Give a user without an entry in passwd a name: Hadoop wants one, and looks nowhere else."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        users = gateway.jvm.org.apache.hadoop.security.UserGroupInformation
        users.setLoginUser(users.createRemoteUser(f"uid-{os.getuid()}"))
