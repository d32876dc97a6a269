"""The JVM starts as it was prepared, and as Spark starts it wherever that does not fit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import py4j
import pyspark
import pytest

from streaming.settings import Settings
from tests.harness import ROOT, Program, Zone, row, session_of, until
from tests.oracle import text

PREPARE = (
    "import pathlib; from streaming.jobs import prepare; from streaming.spark import jvm; "
    "jvm.HOME = pathlib.Path({!r}); prepare.main()"
)
RUN = (
    "import pathlib; from streaming.app import cli; from streaming.spark import jvm; "
    "jvm.HOME = pathlib.Path({!r}); cli.main()"
)

# As `Program` has it: PySpark adds to that of the tests what a JVM's start would depend on.
KEPT = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}

ASK_WORKER = """
import json, pathlib
from streaming.settings import load
from streaming.spark import jvm, session
jvm.HOME = pathlib.Path({!r})
spark = session.start(load(_env_file=None))
names = spark.sparkContext.parallelize(["pyspark", "py4j"], 1)
print(json.dumps(names.map(lambda name: __import__(name).__file__).collect()))
session.stop(spark)
"""

PLACE = "from streaming.spark import jvm; print(jvm._place())"


def prepare(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Prepare as `python -m streaming.jobs.prepare` does, but there."""
    return python(PREPARE.format(str(home)), **environment)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**KEPT, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


def around(pid: int) -> list[str]:
    """Return the environment of a process as it started; of one that is gone, nothing."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is prepared: a copy of the checkout's, which make prepares before the tests, or a new one."""
    made = tmp_path_factory.mktemp("prepared")
    place = Path(python(PLACE).stdout.strip())
    if place.exists():
        shutil.copytree(place, made / place.name)
    else:
        prepare(made)
    return made


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone and the Redis of the program, one file waiting."""
    made = Zone(settings, server_url)
    made.put("a.csv", [row(1)])
    return made


def run(program: Program, home: Path, **environment: str) -> tuple[list[Path], str]:
    """Run once, and return the archives that a JVM maps into its memory, and what is logged."""
    program.command = [sys.executable, "-c", RUN.format(str(home))]
    started = program.start("run", **environment)
    archives: set[Path] = set()

    def ended() -> bool:
        for pid in session_of(started.pid):
            with suppress(OSError):
                maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
                archives.update(Path(line.split()[-1]) for line in maps if line.endswith(".jsa"))
        return started.poll() is not None

    until(ended, 90, what="the end")
    _, errors = started.communicate()
    assert started.returncode == 0, errors
    return [path for path in archives if path.is_relative_to(home)], errors


@pytest.mark.long
def test_what_is_prepared_is_about_nothing_that_the_settings_say(tmp_path: Path) -> None:
    done = prepare(
        tmp_path, REDIS_URL="redis://127.0.0.1:1/0", FEATURE_PREFIX="x", LANDING_ZONE="/nowhere"
    )

    assert (done.stdout, done.stderr) == ("", "Preparing faster starts, once (half a minute)\n")
    [place] = tmp_path.iterdir()
    assert place.name == Path(python(PLACE).stdout.strip()).name


def test_what_was_prepared_is_not_prepared_again(home: Path) -> None:
    before = [(path, path.stat().st_mtime_ns) for path in home.rglob("*")]

    assert prepare(home).stderr == ""
    assert [(path, path.stat().st_mtime_ns) for path in home.rglob("*")] == before


@pytest.mark.parametrize("fits", [True, False], ids=["as prepared", "in another environment"])
def test_a_run_starts_as_prepared_where_that_fits_and_leaves_nothing(
    program: Program, zone: Zone, home: Path, tmp_path: Path, fits: bool
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    [place] = home.iterdir()
    other = {} if fits else {"JAVA_OTHER": "1"}

    archives, errors = run(program, home, TMPDIR=str(temporary), **other)

    assert archives == ([place / "classes.jsa"] if fits else [])
    remaining = [pid for pid in psutil.pids() if f"TMPDIR={temporary}" in around(pid)]
    assert (remaining, list(temporary.iterdir())) == ([], [])
    assert "Traceback" not in errors
    assert "the JVM does not start as prepared" not in errors
    assert "cds" not in errors
    zone.holds(text([row(1)]))


@pytest.mark.parametrize("fits", [True, False], ids=["as prepared", "in another environment"])
def test_workers_import_pyspark_from_where_its_bytecode_is(
    home: Path, tmp_path: Path, fits: bool
) -> None:
    other = {} if fits else {"JAVA_OTHER": "1"}

    done = python(ASK_WORKER.format(str(home)), SPARK_HOME=str(tmp_path), **other)

    assert json.loads(done.stdout) == [pyspark.__file__, py4j.__file__]


@pytest.mark.parametrize("spoiled", ["archive", "command"])
def test_what_does_not_fit_is_not_used_and_spark_starts_as_it_always_does(
    program: Program, zone: Zone, home: Path, tmp_path: Path, spoiled: str
) -> None:
    copy = tmp_path / "spoiled"
    shutil.copytree(home, copy)
    [place] = copy.iterdir()
    if spoiled == "archive":
        (place / "classes.jsa").chmod(0o644)
        (place / "classes.jsa").write_bytes(b"no archive" * 1000)
    if spoiled == "command":
        (place / "command.json").write_text('["/bin/false"]')

    archives, errors = run(program, copy)

    assert archives == []
    assert ("the JVM does not start as prepared" in errors) == (spoiled == "command")
    assert "cds" not in errors
    zone.holds(text([row(1)]))


def test_a_place_that_can_not_be_written_is_told_and_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = prepare(tmp_path / "file" / "home")

    assert done.stderr.splitlines()[-1].startswith("Faster starts cannot be prepared: ")


def test_an_interrupted_preparation_leaves_nothing(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", PREPARE.format(str(tmp_path / "home"))],
        env={**KEPT, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    home = tmp_path / "home"
    until(lambda: list(home.glob(".making-*")) and session_of(started.pid), what="the JVM")
    time.sleep(1)

    # PySpark puts a handler of its own in place while it starts, and one Ctrl-C in that moment is lost.
    while started.poll() is None:
        started.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            started.wait(10)

    assert started.returncode != 0
    until(lambda: not session_of(started.pid), what="the end of the JVM")
    assert list(home.iterdir()) == []
