"""A JVM while it starts: its process, its temporary directory, its log."""

import os
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from streaming import scratch
from streaming.errors import Stopped
from streaming.spark import java

_POLL = 0.005
NOISE = (
    "WARNING: Using incubator modules",  # Spark asks the JVM for them
    *java.PICKED_UP,
    "\tat ",  # where an exception came by: what it says comes before
    "\t... ",
    "nanobind:",  # DuckDB's bindings, about the interpreter's own end
    " - leaked",
    " - ... skipped",
    "See https://nanobind",
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.spark.jvm")


def log_pipe() -> int:
    """Return a descriptor to write to, to be closed after handing it on: lines become our log."""
    reader, writer = os.pipe()
    threading.Thread(target=_relay, args=(reader,), daemon=True).start()
    return writer


def _relay(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith(NOISE):
                log.warning("spark", line=line.rstrip())


def tmpdir_options(directory: str) -> list[str]:
    """Return the options that make it the JVM's directory for what is temporary, and its home."""
    # The user may have no home, and the JVM takes it from nowhere else.
    return [f"-Djava.io.tmpdir={directory}", f"-Duser.home={directory}"]


class Starting:
    """
    A JVM on its way, with a directory for its temporary files.

    Args:
        command: returns the command, with these options for the JVM in it.
        stderr: a descriptor.
        environ: the environment of the JVM, and so of its workers.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(
        self, command: Callable[[list[str]], list[str]], stderr: int, environ: Mapping[str, str]
    ) -> None:
        self.directory = scratch.make()
        self.plain = scratch.plain(self.directory)
        self._connection = self.directory / "gateway"
        self._is_ended = False
        try:
            self.process = self._start(command(tmpdir_options(self.plain)), stderr, environ)
        except BaseException:
            scratch.remove(self.directory)
            raise

    def _start(
        self, command: list[str], stderr: int, environ: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # the JVM ends when this is closed, by whatever
            stderr=stderr,
            env={
                **environ,
                "SPARK_CONNECT_MODE": "0",
                "SPARK_LOCAL_DIRS": self.plain,
                "_PYSPARK_DRIVER_CONN_INFO_PATH": f"{self.plain}/{self._connection.name}",
            },
            # Signals to the group are for the program, which ends the JVM when it is done with it.
            process_group=0,
        )

    def end(self) -> None:
        """Kill the JVM, with which its workers end, and remove its directory, once."""
        if self._is_ended:
            return
        self._is_ended = True
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        scratch.remove(self.directory)

    def gateway(self, stop: threading.Event | None = None) -> tuple[int, str]:
        """
        Wait for it, and return the port and the secret of its gateway.

        Raises:
            RuntimeError: it ended at once.
            Stopped: `stop` was set before it was there.
        """
        while not self._connection.exists():
            if stop is not None and stop.is_set():
                raise Stopped("stopped while Spark started; nothing was begun")
            if self.process.poll() is not None:
                raise RuntimeError(f"Java ended with {self.process.returncode}")
            time.sleep(_POLL)
        port, length = struct.unpack_from("!ii", message := self._connection.read_bytes())
        return port, message[8 : 8 + length].decode()
