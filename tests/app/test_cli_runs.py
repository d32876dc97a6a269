"""Runs as processes: stopped, killed, following, beside another one."""

import fcntl
import json
import signal
import subprocess
import time

import pytest

from streaming.settings import Settings
from tests import oracle
from tests.harness import Program, Service, row, until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_that_waits_for_another_one_stops_when_told_to(
    program: Program, settings: Settings, number: signal.Signals
) -> None:
    (settings.landing_zone / "a.csv").write_text(oracle.text([row(1)]))
    with (settings.checkpoints / ".run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = program.start("run")
        assert started.stderr is not None
        assert "another run has this checkpoint" in started.stderr.readline()
        started.send_signal(number)
        try:
            code = started.wait(5)
        except subprocess.TimeoutExpired:
            pytest.fail("it goes on waiting, deaf to the signal")
    assert code == 128 + number
    out, err = started.communicate()
    assert "nothing new" not in out
    assert f"stopped by {number.name}: 1 file waits for the next run" in err


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_run_that_is_stopped_says_what_it_did_and_what_it_left(
    program: Program, service: Service, number: signal.Signals
) -> None:
    contents = [service.put(f"{n:02d}.csv", [row(n)]) for n in range(20)]
    started = program.start("run", "--json", MAX_FILES_PER_TRIGGER="1")
    until(lambda: int(service.redis.get("ingest:version") or 0) >= 2, 60, what="the second commit")
    started.send_signal(number)
    out, err = started.communicate(timeout=300)

    document = json.loads(out)
    done = [file["file"] for file in document["files"]]
    assert 2 <= len(done) < 20
    assert done + document["waiting"] == [f"{n:02d}.csv" for n in range(20)]
    assert document["stopped"] == number.name
    assert started.returncode == 128 + number
    assert err.splitlines()[-1].startswith(f"stopped by {number.name}: ")
    service.holds(*contents[: len(done)])


@pytest.mark.parametrize(
    ("number", "files"),
    [(signal.SIGTERM, 30), pytest.param(signal.SIGINT, 2, marks=pytest.mark.long)],
    ids=["SIGTERM", "SIGINT"],
)
def test_following_ingests_what_is_dropped_and_ends_with_0_and_all_exact(
    program: Program, service: Service, number: int, files: int
) -> None:
    started = program.start("run", "--follow", "--json", LOG_FORMAT="json")
    contents = []
    for n in range(2):
        rows = [row(i, f"{i}.0{n}") for i in range(n * 10, n * 10 + 15)]
        contents.append(oracle.text(rows))
        (program.directory / f"{n}.csv").write_text(contents[-1])
        program("drop", f"{n}.csv")
        expected = oracle.features(contents)
        until(lambda: service.features() == expected, 40, what=f"file {n}")  # noqa: B023
    for n in range(2, files):
        rows = [row(i, f"{i}.{n}") for i in range(n * 10, n * 10 + 15)]
        contents.append(service.put(f"{n}.csv", rows, mtime=time.time() - 10 + n * 0.1))
    time.sleep(0.3)
    started.send_signal(number)
    out, err = started.communicate(timeout=300)

    assert started.returncode == 0, err
    document = json.loads(out)
    counted = len(service.records())
    assert 2 <= counted <= files
    assert document["new"] == sum(int(f[1]) for k, f in service.features().items() if "/" in k)
    service.conserved()
    assert len(service.run()) == files - counted
    service.holds(*contents)


def test_a_run_killed_in_the_middle_and_run_again_gives_what_plain_python_gives(
    program: Program, service: Service
) -> None:
    contents = [
        service.put(f"{n:03d}.csv", [row(i, f"{i}.{n % 100:02d}") for i in range(n * 8, n * 8 + 10)])
        for n in range(24)
    ]
    started = program.start("run", MAX_FILES_PER_TRIGGER="3")
    until(lambda: int(service.redis.get("ingest:version") or 0) >= 3, 60, what="the third commit")
    program.kill(started)
    halfway = len(service.records())

    assert 9 <= halfway < 24
    service.holds(*contents[:halfway])
    assert len(service.run()) == 24 - halfway
    service.holds(*contents)


def test_a_file_that_may_not_be_read_is_told_apart_and_counts_when_it_may(
    program: Program, service: Service
) -> None:
    content = service.put("fechado.csv", [row(1)])
    path = service.settings.landing_zone / "fechado.csv"
    path.chmod(0)
    program.powerless = True
    (file,) = program.json("run", code=1)["files"]
    assert (file["state"], file["reason"]) == ("unreadable", "Permission denied")
    assert service.records() == {}
    path.chmod(0o644)
    assert [(o.file, o.new) for o in service.run()] == [("fechado.csv", 1)]
    service.holds(content)
