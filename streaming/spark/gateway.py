"""
PySpark's connection to the JVM, and all that PySpark keeps of it in this process.

PySpark expects one JVM for the life of the process: it keeps the connection in class attributes, and
nothing resets them when the JVM ends. `close` does, so that another session can start. No other module
touches what is private to PySpark or Py4J.
"""

import logging
import os
import pwd
import sys
import threading
from typing import Any

from py4j import java_gateway
from pyspark import SparkContext, SparkFiles
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from streaming.spark.starting import Starting

_PORT, _SECRET = "PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"
_DIRECTORY = "SPARK_LOCAL_DIRS"


def silence() -> None:
    """
    Keep what Py4J logs from the program's output: it logs every error that it also raises.

    Only Py4J's loggers are concerned. In some places it logs to the root logger, which then gets a
    handler for every logger's messages; these messages go to its own logger too.
    """
    logging.getLogger("py4j").propagate = False
    java_gateway.logging = java_gateway.logger


def is_open() -> bool:
    """Return whether PySpark has a JVM, alive or dead."""
    return SparkContext._gateway is not None


def is_alive() -> bool:
    """Return whether PySpark's JVM runs."""
    return SparkContext._gateway is not None and SparkContext._gateway.starting.process.poll() is None


def open_(starting: Starting, stop: threading.Event | None = None) -> None:
    """
    Wait for a JVM, and let PySpark use it.

    Raises:
        RuntimeError: it ended at once.
        Stopped: `stop` was set before it was there.
    """
    port, secret = starting.gateway(stop)
    os.environ |= {_PORT: str(port), _SECRET: secret}
    try:
        gateway = launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        for name in (_PORT, _SECRET):  # of no other process's business
            del os.environ[name]
    gateway.starting = starting
    gateway.outer_directory = os.environ.get(_DIRECTORY)
    os.environ[_DIRECTORY] = starting.plain
    SparkContext._ensure_initialized(gateway=gateway)
    _name_user(gateway)


def close() -> None:
    """End the JVM with its workers and files, and reset what PySpark keeps of it."""
    gateway = SparkContext._gateway
    assert gateway is not None
    gateway.starting.end()
    gateway.shutdown()  # Py4J's threads and sockets
    _reset_context(SparkContext._active_spark_context)
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    sys.path[:] = [path for path in sys.path if not path.startswith(f"{gateway.starting.plain}/")]
    os.environ.pop(_DIRECTORY, None)
    if gateway.outer_directory is not None:
        os.environ[_DIRECTORY] = gateway.outer_directory


def _reset_context(context: SparkContext | None) -> None:
    """Forget a context whose JVM is gone: its own `stop` would ask the JVM."""
    SparkFiles._sc = None
    if context is None:  # it never came to be, or was stopped in good order
        return
    context._jsc = None
    # It looks for this twice a second; nothing waits for it.
    threading.Thread(target=context._accumulatorServer.shutdown, daemon=True).start()


def _name_user(gateway: Any) -> None:
    """Give a user without an entry in passwd a name: Hadoop wants one, and looks nowhere else."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        users = gateway.jvm.org.apache.hadoop.security.UserGroupInformation
        users.setLoginUser(users.createRemoteUser(f"uid-{os.getuid()}"))
