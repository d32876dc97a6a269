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
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from hashlib import sha256
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import structlog

from streaming.errors import EnvironmentRefused

JAVA = 17
HOME = Path(sys.prefix) / "share" / "city-features"

_ARCHIVE = "classes.jsa"
_COMMAND = "command.json"
_POLL = 0.005
_NOISE = (
    "WARNING: Using incubator modules",  # Spark asks the JVM for them
    "nanobind:",  # DuckDB's bindings, about the interpreter's own end
    " - leaked",
    " - ... skipped",
    "See https://nanobind",
)

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jvm")


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


def options() -> str:
    """Return what the driver's JVM is started with."""
    logging = files("streaming").joinpath("log4j2.properties")
    # The JVM finds, hands out and adds up; DuckDB does the work. So what counts is that it starts fast.
    # It writes no figures for jps and jstat: a file that stays when it is killed.
    fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
    return f"-Dlog4j2.configurationFile={logging} {fast}"


def stderr() -> int:
    """Return a descriptor to write to, to be closed after handing it on: lines become our log."""
    reader, writer = os.pipe()
    threading.Thread(target=_relay, args=(reader,), daemon=True).start()
    return writer


def _relay(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith(_NOISE):
                log.warning("spark", line=line.rstrip())


def scratch() -> Path:
    """Make the directory for all that a JVM and its workers put aside; `session.stop` removes it."""
    there = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0]
    return Path(tempfile.mkdtemp(prefix="city-features-", dir=there or None))


def temporary(directory: Path) -> str:
    """Return the option that makes it the JVM's directory for what is temporary."""
    return f"-Djava.io.tmpdir={directory}"


class Starting:
    """A JVM on its way, with a directory for what it puts aside, which is the caller's to remove."""

    def __init__(self, command: list[str], stderr: int) -> None:
        self.directory = scratch()
        self._told = self.directory / "gateway"
        program, *rest = command
        self.process = subprocess.Popen(
            [program, temporary(self.directory), *rest],
            stdin=subprocess.PIPE,  # the JVM ends when this is closed, by whatever
            stderr=stderr,
            env={
                **os.environ,
                "SPARK_HOME": str(_spark()),
                "SPARK_CONNECT_MODE": "0",
                "SPARK_LOCAL_DIRS": str(self.directory),
                "_PYSPARK_DRIVER_CONN_INFO_PATH": str(self._told),
            },
            # Ctrl-C is for the program, which ends the JVM when it is done with it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )

    def gateway(self) -> tuple[int, str]:
        """
        Wait for it, and return the port and the secret of its gateway.

        Raises:
            RuntimeError: it ended at once.
        """
        while not self._told.exists():
            if self.process.poll() is not None:
                raise RuntimeError(f"Java ended with {self.process.returncode}")
            time.sleep(_POLL)
        port, length = struct.unpack_from("!ii", said := self._told.read_bytes())
        return port, said[8 : 8 + length].decode()


def start() -> Starting | None:
    """Start what was prepared for this Java and this environment, if anything was."""
    place = HOME / _key(java(), options())
    if not (place / _COMMAND).exists():
        return None
    program, *rest = json.loads((place / _COMMAND).read_text())
    writer = stderr()
    try:
        return Starting([program, f"-XX:SharedArchiveFile={place / _ARCHIVE}", *rest], writer)
    except OSError as error:
        log.info("the JVM does not start as prepared", place=str(place), why=str(error))
        return None
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
        self._place = HOME / _key(java(), options())
        self._command = _command(java(), options())
        program, *rest = self._command
        HOME.mkdir(parents=True, exist_ok=True)
        self._making = Path(tempfile.mkdtemp(dir=HOME, prefix=".making-"))
        archive = f"-XX:ArchiveClassesAtExit={self._making / _ARCHIVE}"
        try:
            self.starting = Starting([program, archive, "-Xlog:disable", *rest], subprocess.DEVNULL)
        except BaseException:
            shutil.rmtree(self._making)
            raise

    @staticmethod
    def is_done() -> bool:
        """Return whether there is nothing to prepare."""
        return (HOME / _key(java(), options()) / _COMMAND).exists()

    def finish(self) -> None:
        """End the JVM, wait for its archive, and put everything in its place."""
        process = self.starting.process
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        shutil.rmtree(self.starting.directory, ignore_errors=True)
        if not (self._making / _ARCHIVE).exists():
            raise RuntimeError("Java wrote no archive")
        (self._making / _COMMAND).write_text(json.dumps(self._command))
        self._making.chmod(0o755)
        shutil.rmtree(self._place, ignore_errors=True)
        self._making.rename(self._place)

    def give_up(self) -> None:
        """End the JVM, and leave nothing."""
        self.starting.process.kill()
        self.starting.process.wait()
        shutil.rmtree(self.starting.directory, ignore_errors=True)
        shutil.rmtree(self._making, ignore_errors=True)


def _command(program: str, opts: str) -> list[str]:
    """Return the command that spark-submit would start the driver's JVM with."""
    jars = ":".join(map(str, _jars()))
    submit = ["org.apache.spark.deploy.SparkSubmit", "--conf", f"spark.driver.extraJavaOptions={opts}"]
    done = subprocess.run(
        [program, "-cp", jars, "org.apache.spark.launcher.Main", *submit, "pyspark-shell"],
        env={**os.environ, "SPARK_HOME": str(_spark()), "SPARK_SCALA_VERSION": "2.13"},
        capture_output=True,
        check=True,
        text=True,
    )
    command = [part.strip("\n") for part in done.stdout.split("\0") if part.strip()]
    # One by one and in order: the archive is good for just these.
    return [part.replace(f"{_spark() / 'jars'}/*", jars) for part in command]


def _key(program: str, opts: str) -> str:
    """Return a name for all that a prepared start depends on."""
    looked = [
        (str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in (Path(program).resolve(), *_jars())
    ]
    names = ("SPARK_", "HADOOP_", "JAVA_", "JDK_")
    without = ("SPARK_MASTER", "SPARK_LOCAL_DIRS")
    around = sorted((k, v) for k, v in os.environ.items() if k.startswith(names) and k not in without)
    return sha256(repr((program, opts, looked, around)).encode()).hexdigest()[:16]


def _jars() -> list[Path]:
    return sorted((_spark() / "jars").glob("*.jar"))


def _spark() -> Path:
    found = find_spec("pyspark")
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])
