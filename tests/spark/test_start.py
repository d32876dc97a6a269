"""The JVM starts as it was prepared, and as Spark starts it wherever that does not fit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
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


def prepare(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Prepare as `python -m streaming.jobs.prepare` does, but there."""
    return subprocess.run(
        [sys.executable, "-c", PREPARE.format(str(home))],
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
    """What is prepared, once."""
    place = tmp_path_factory.mktemp("prepared")
    done = prepare(place, REDIS_URL="redis://127.0.0.1:1/0", FEATURE_PREFIX="x", LANDING_ZONE="/nowhere")
    assert (done.stdout, done.stderr) == ("", "Preparing faster starts, once (half a minute)\n")
    return place


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


def test_what_was_prepared_is_used_and_is_not_prepared_again(
    program: Program, zone: Zone, home: Path
) -> None:
    [place] = home.iterdir()

    archives, _ = run(program, home)

    assert archives == [place / "classes.jsa"]
    zone.holds(text([row(1)]))
    assert prepare(home).stderr == ""
    assert list(home.iterdir()) == [place]


@pytest.mark.parametrize("prepared", [True, False])
def test_a_run_that_has_ended_leaves_no_process_and_nothing_in_the_temporary_directory(
    program: Program, zone: Zone, home: Path, tmp_path: Path, prepared: bool
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    archives, errors = run(program, home if prepared else tmp_path / "nothing", TMPDIR=str(temporary))

    remaining = [pid for pid in psutil.pids() if f"TMPDIR={temporary}" in around(pid)]
    assert (bool(archives), remaining, list(temporary.iterdir())) == (prepared, [], [])
    assert "Traceback" not in errors


@pytest.mark.parametrize("spoiled", ["archive", "command", "environment"])
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

    archives, errors = run(program, copy, **({"JAVA_OTHER": "1"} if spoiled == "environment" else {}))

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
