"""
Turns what Spark raises into the service's own errors.

Spark's errors tell a user nothing about the files or about what to do, and a dead JVM shows as any of
several errors of the connection to it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from streaming.errors import RunFailed, SparkEnded
from streaming.spark import session


@contextmanager
def translated() -> Iterator[None]:
    """
    Run a block that calls Spark.

    Raises:
        SparkEnded: Spark's JVM is gone.
        RunFailed: Spark failed otherwise; nothing of the batch in hand was written.
    """
    try:
        yield
    except (Py4JNetworkError, ConnectionError) as error:  # the process may still be ending
        raise SparkEnded from error
    except (PySparkException, Py4JError) as error:  # Py4JError: the disk is full or cannot be written
        if not session.is_alive():
            raise SparkEnded from error
        raise RunFailed(f"{session.cause(error)} (nothing of this batch was written)") from error


def stream_failed(why: str, checkpoints: Path) -> RunFailed:
    """Return the error of a stream that failed, with what to do about it."""
    if os.strerror(errno.ENOSPC) in why:  # Java has the words of the system too
        return RunFailed(f"{why}; make room, then run again: what was committed stays")
    return RunFailed(
        f"{why}; what was committed stays, and the next run goes on from there. "
        f"If it stays, delete {checkpoints}: nothing is lost with it"
    )
