"""
The JVM that Spark's driver lives in, and its start as it was prepared: at once, classes from an archive.

`spark-submit` starts a shell and a JVM to find the command that starts the JVM, which then loads and
checks 14,000 classes out of 280 JARs. All of it is the same every time. So `Preparing` keeps the command
and the classes as they are in memory (class-data sharing, JEP 350), in a directory whose name says what
they were made of: with another Java, Spark or environment it is not found, and Spark starts as it always
does. Nothing of PySpark is imported here: that is done while the JVM starts.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import structlog

from streaming import scratch
from streaming.errors import EnvironmentRefused, Stopped
from streaming.spark import environment, java

HOME = Path(sys.prefix) / "share" / "city-features"

_ARCHIVE = "classes.jsa"
_COMMAND = "command.json"
_POLL = 0.005
_NOISE = (
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


def options() -> str:
    """Return what the driver's JVM is started with."""
    # As a URI, so that no character in it means anything to log4j, to Spark or to a shell.
    logging = quote(os.fsencode(str(files("streaming.spark").joinpath("log4j2.properties"))))
    # The JVM finds, hands out and adds up; DuckDB does the work. So what counts is that it starts fast.
    # It writes no figures for jps and jstat: a file that stays when it is killed.
    fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
    return f"-Dlog4j2.configurationFile=file://{logging} {fast}"


def log_pipe() -> int:
    """Return a descriptor to write to, to be closed after handing it on: lines become our log."""
    reader, writer = os.pipe()
    threading.Thread(target=_relay, args=(reader,), daemon=True).start()
    return writer


def _relay(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith(_NOISE):
                log.warning("spark", line=line.rstrip())


def tmpdir_options(directory: str) -> list[str]:
    """Return the options that make it the JVM's directory for what is temporary, and its home."""
    # The user may have no home, and the JVM takes it from nowhere else.
    return [f"-Djava.io.tmpdir={directory}", f"-Duser.home={directory}"]


class Starting:
    """A JVM on its way, with a directory for what it puts aside, which is the caller's to remove."""

    def __init__(self, command: list[str], stderr: int) -> None:
        self.directory = scratch.make()
        self.plain = scratch.plain(self.directory)
        self._told = self.directory / "gateway"
        program, *rest = command
        self.process = subprocess.Popen(
            [program, *tmpdir_options(self.plain), *rest],
            stdin=subprocess.PIPE,  # the JVM ends when this is closed, by whatever
            stderr=stderr,
            env={
                **os.environ,
                "SPARK_CONNECT_MODE": "0",
                "SPARK_LOCAL_DIRS": self.plain,
                "_PYSPARK_DRIVER_CONN_INFO_PATH": f"{self.plain}/{self._told.name}",
            },
            # Signals to the group are for the program, which ends the JVM when it is done with it.
            process_group=0,
        )

    def gateway(self, stop: threading.Event | None = None) -> tuple[int, str]:
        """
        Wait for it, and return the port and the secret of its gateway.

        Raises:
            RuntimeError: it ended at once.
            Stopped: `stop` was set before it was there.
        """
        while not self._told.exists():
            if stop is not None and stop.is_set():
                raise Stopped("stopped while Spark started; nothing was begun")
            if self.process.poll() is not None:
                raise RuntimeError(f"Java ended with {self.process.returncode}")
            time.sleep(_POLL)
        port, length = struct.unpack_from("!ii", said := self._told.read_bytes())
        return port, said[8 : 8 + length].decode()


def start(*, prepared: bool = True) -> Starting:
    """
    Start a local JVM: as it was prepared for this Java and this environment, or as Spark does.

    Raises:
        EnvironmentRefused: there is no Java that Spark can use, or something else that it needs.
    """
    place = _place()
    writer = log_pipe()
    try:
        if prepared and (place / _COMMAND).exists():
            try:
                program, *rest = json.loads((place / _COMMAND).read_text())
                return Starting([program, f"-XX:SharedArchiveFile={place / _ARCHIVE}", *rest], writer)
            except (OSError, ValueError) as error:
                log.info("the JVM does not start as prepared", place=str(place), why=str(error))
        java.version()
        return Starting(_command(java.find(), options()), writer)
    finally:
        os.close(writer)


class Preparing:
    """
    A start that is being prepared, with a JVM that writes its archive when it ends.

    Raises:
        EnvironmentRefused: there is no Java.
        OSError: there is no room for it, or no right to write it.
        RuntimeError: Java does not start, or writes no archive.
    """

    def __init__(self) -> None:
        self._place = _place()
        java.version()
        self._command = _command(java.find(), options())
        program, *rest = self._command
        HOME.mkdir(parents=True, exist_ok=True)
        self._making = scratch.make(HOME, ".making-")
        archive = f"-XX:ArchiveClassesAtExit={self._making / _ARCHIVE}"
        try:
            self.starting = Starting([program, archive, "-Xlog:disable", *rest], subprocess.DEVNULL)
        except BaseException:
            scratch.remove(self._making)
            raise

    @staticmethod
    def is_done() -> bool:
        """Return whether there is nothing to prepare."""
        return (_place() / _COMMAND).exists()

    def finish(self) -> None:
        """End the JVM, wait for its archive, and put everything in its place."""
        process = self.starting.process
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        scratch.remove(self.starting.directory)
        if not (self._making / _ARCHIVE).exists():
            raise RuntimeError("Java wrote no archive")
        (self._making / _COMMAND).write_text(json.dumps(self._command))
        self._making.chmod(0o755)
        shutil.rmtree(self._place, ignore_errors=True)
        self._making.rename(self._place)
        scratch.release(self._making)

    def give_up(self) -> None:
        """End the JVM, and leave nothing."""
        self.starting.process.kill()
        self.starting.process.wait()
        scratch.remove(self.starting.directory)
        scratch.remove(self._making)


def _command(program: str, opts: str) -> list[str]:
    """Return the command that spark-submit would start the driver's JVM with."""
    jars = ":".join(map(str, _jars()))
    submit = ["org.apache.spark.deploy.SparkSubmit", "--conf", f"spark.driver.extraJavaOptions={opts}"]
    done = subprocess.run(
        [program, "-cp", jars, "org.apache.spark.launcher.Main", *submit, "pyspark-shell"],
        env={**os.environ, "SPARK_SCALA_VERSION": "2.13"},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith(_NOISE)]
        raise EnvironmentRefused(
            f"{program} does not start Spark: {(lines or ['no reason given'])[0]}; "
            "city-features check looks at Java"
        )
    command = [part.strip("\n") for part in done.stdout.split("\0") if part.strip()]
    # One by one and in order: the archive is good for just these.
    return [part.replace(f"{environment.spark() / 'jars'}/*", jars) for part in command]


def _place() -> Path:
    """Return where a start is prepared for this Java and this environment, made ours."""
    environment.adopt(local=True)
    return HOME / _key(java.find(), options())


def _key(program: str, opts: str) -> str:
    """Return a name for all that a prepared start depends on."""
    looked = [
        (str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in (Path(program).resolve(), *_jars())
    ]
    names = ("SPARK_", "JAVA_", "_JAVA_", "JDK_")
    without = ("SPARK_MASTER", "SPARK_LOCAL_DIRS")
    around = sorted((k, v) for k, v in os.environ.items() if k.startswith(names) and k not in without)
    return sha256(repr((program, opts, looked, around)).encode()).hexdigest()[:16]


def _jars() -> list[Path]:
    return sorted((environment.spark() / "jars").glob("*.jar"))
