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
import subprocess
import sys
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import structlog

from streaming import scratch
from streaming.errors import EnvironmentRefused
from streaming.spark import environment, java
from streaming.spark.starting import NOISE, Starting, log_pipe

HOME = Path(sys.prefix) / "share" / "city-features"

_ARCHIVE = "classes.jsa"
_COMMAND = "command.json"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.spark.jvm")


def options() -> str:
    """Return what the driver's JVM is started with."""
    # As a URI, so that no character in it means anything to log4j, to Spark or to a shell.
    logging = quote(os.fsencode(str(files("streaming.spark").joinpath("log4j2.properties"))))
    # The JVM finds, hands out and adds up; DuckDB does the work. So what counts is that it starts fast.
    # It writes no figures for jps and jstat: a file that stays when it is killed.
    fast = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"
    return f"-Dlog4j2.configurationFile=file://{logging} {fast}"


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
                archive = f"-XX:SharedArchiveFile={place / _ARCHIVE}"
                return Starting(lambda options: [program, *options, archive, *rest], writer, _environ())
            except (OSError, ValueError) as error:
                log.info("the JVM does not start as prepared", place=str(place), why=str(error))
        java.version()
        java_program, *plain = _command(java.find(), options())
        return Starting(lambda options: [java_program, *options, *plain], writer, _environ())
    finally:
        os.close(writer)


def submit(master: str) -> Starting:
    """
    Start the JVM of a cluster's driver as spark-submit does, with what spark-defaults.conf says.

    Raises:
        EnvironmentRefused: there is no Java that Spark can use.
    """
    java.version()
    program = str(environment.spark() / "bin" / "spark-submit")
    settings = ["--conf", f"spark.master={master}", "--conf"]
    writer = log_pipe()

    def command(temporary: list[str]) -> list[str]:
        java_options = " ".join([options(), *temporary])
        return [program, *settings, f"spark.driver.extraJavaOptions={java_options}", "pyspark-shell"]

    try:
        return Starting(command, writer, os.environ)
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
            self.starting = Starting(
                lambda options: [program, *options, archive, "-Xlog:disable", *rest],
                subprocess.DEVNULL,
                _environ(),
            )
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
        self.starting.end()
        if not (self._making / _ARCHIVE).exists():
            raise RuntimeError("Java wrote no archive")
        (self._making / _COMMAND).write_text(json.dumps(self._command))
        self._making.chmod(0o755)
        shutil.rmtree(self._place, ignore_errors=True)
        self._making.rename(self._place)
        scratch.release(self._making)

    def give_up(self) -> None:
        """End the JVM, and leave nothing."""
        self.starting.end()
        scratch.remove(self._making)


def _environ() -> dict[str, str]:
    """
    Return the environment of a local JVM: without SPARK_HOME, where Spark has its own copy of PySpark.

    Spark puts that copy, SPARK_HOME/python/lib/pyspark.zip, first on its workers' path (Spark 4.3:
    PythonUtils.sparkPythonPath). A zip file holds no bytecode, so each daemon would compile PySpark
    again. Without it, workers import PySpark from where this interpreter has it, as they do all else.
    """
    return {name: value for name, value in os.environ.items() if name != "SPARK_HOME"}


def _command(program: str, opts: str) -> list[str]:
    """Return the command that spark-submit would start the driver's JVM with."""
    jars = ":".join(map(str, _jars()))
    submit = ["org.apache.spark.deploy.SparkSubmit", "--conf", f"spark.driver.extraJavaOptions={opts}"]
    result = subprocess.run(
        [program, "-cp", jars, "org.apache.spark.launcher.Main", *submit, "pyspark-shell"],
        env={**os.environ, "SPARK_SCALA_VERSION": "2.13"},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if not line.startswith(NOISE)]
        raise EnvironmentRefused(
            f"{program} does not start Spark: {(lines or ['no reason given'])[0]}; "
            "city-features check looks at Java"
        )
    command = [part.strip("\n") for part in result.stdout.split("\0") if part.strip()]
    # One by one and in order: the archive is good for just these.
    return [part.replace(f"{environment.spark() / 'jars'}/*", jars) for part in command]


def _place() -> Path:
    """Return where a start is prepared for this Java and this environment, made ours."""
    environment.adopt(local=True)
    return HOME / _key(java.find(), options())


def _key(program: str, opts: str) -> str:
    """Return a name for all that a prepared start depends on."""
    program_files = [
        (str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in (Path(program).resolve(), *_jars())
    ]
    names = ("SPARK_", "JAVA_", "_JAVA_", "JDK_")
    without = ("SPARK_MASTER", "SPARK_LOCAL_DIRS")
    environ = sorted((k, v) for k, v in os.environ.items() if k.startswith(names) and k not in without)
    return sha256(repr((program, opts, program_files, environ)).encode()).hexdigest()[:16]


def _jars() -> list[Path]:
    return sorted((environment.spark() / "jars").glob("*.jar"))
