"""One file can never cost the others: whatever fails while it is read, it alone has failed."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from streaming.errors import KeyRefused
from tests.harness import Program, Service, row, until

# Python imports it at every start, the workers' too. The product knows nothing of it.
SABOTAGE = """
import os, signal, sys
really_open = os.open

def sabotaged(path, *args, **kwargs):
    name = os.path.basename(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""
    if name == "killed.csv":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "assert.csv":
        raise AssertionError("two readings disagree")
    if name == "memory.csv":
        raise MemoryError("out of memory")
    return really_open(path, *args, **kwargs)

if "pyspark.daemon" in sys.orig_argv:  # a worker, not the driver
    os.open = sabotaged
"""
BAD = {
    "killed.csv": "a worker process died",
    "assert.csv": "AssertionError: two readings disagree",
    "memory.csv": "MemoryError: out of memory",
}


@pytest.fixture
def sabotaged(program: Program, tmp_path: Path) -> Program:
    """The program with readers that fail for files of certain names."""
    directory = tmp_path / "sabotage"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SABOTAGE)
    program.environment["PYTHONPATH"] += f":{directory}"
    return program


def test_files_whose_reading_fails_fail_alone_and_count_once_it_works(
    sabotaged: Program, service: Service
) -> None:
    contents = {
        name: service.put(name, [row(n), row(n + 1, "0.01")])
        for n, name in enumerate(["a.csv", *BAD, "b.csv", "c.csv.gz"])
    }
    good = [content for name, content in contents.items() if name not in BAD]

    done = sabotaged("run", "--json", code=1)

    files = {file["file"]: file for file in json.loads(done.stdout)["files"]}
    assert files.keys() == contents.keys()
    assert {name for name, file in files.items() if file["state"] == "failed"} == BAD.keys()
    for name, cause in BAD.items():
        assert cause in files[name]["reason"], files[name]
    assert "Traceback" not in done.stderr
    service.holds(*good)

    assert sabotaged.json("rebuild")["files"] == len(good)  # what never counted is left out
    service.holds(*good)

    sabotaged.inside.spark = service.spark  # where reading works
    assert {f["state"] for f in sabotaged.inside.json("run")["files"]} == {"ingested"}
    everything = [*good, *(contents[name] for name in BAD)]
    service.holds(*everything)

    done = sabotaged("rebuild", code=1)  # what counted is never taken back for a reader's failure
    assert done.stderr.splitlines()[-1].startswith("error: killed.csv: ")
    service.holds(*everything)


def test_following_goes_on_after_a_reader_that_crashed(sabotaged: Program, service: Service) -> None:
    started = sabotaged.start("run", "--follow", RECONCILE_SECONDS="1")
    first = service.put("a.csv", [row(1)])
    until(lambda: "a.csv" in service.records(), 60, what="the first file")
    service.put("killed.csv", [row(2)])
    second = service.put("b.csv", [row(3)])
    until(lambda: "b.csv" in service.records(), 60, what="the file after the crash")
    started.terminate()
    _, errors = started.communicate(timeout=300)

    assert started.returncode == 1, errors
    assert "file failed" in errors
    assert "Traceback" not in errors
    service.holds(first, second)


def test_a_key_in_the_way_keeps_only_the_files_of_its_city_from_counting(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.put("b.csv", [row(2, cidade="Belém", estado="PA")])
    last = service.put("c.csv", [row(3)])
    service.redis.lpush("Belém", "mine")

    with pytest.raises(KeyRefused, match="'Belém' is a list"):
        service.run()

    service.redis.delete("Belém")
    service.holds(first, last)
    assert [(o.file, o.new) for o in service.run()] == [("b.csv", 1)]


def test_the_end_of_sparks_jvm_ends_a_run_with_one_line(program: Program, service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    started = program.start("run", "--follow", LOG_FORMAT="json")
    until(lambda: "a.csv" in service.records(), 60, what="the first file")
    (java,) = [p for p in psutil.Process(started.pid).children() if "java" in p.name()]
    java.kill()
    _, errors = started.communicate(timeout=300)

    assert started.returncode == 1, errors
    assert errors.splitlines()[-1].startswith("error: Spark's JVM has ended")
    assert "Traceback" not in errors
    service.holds(first)


@pytest.mark.parametrize(
    "follow", [pytest.param(False, marks=pytest.mark.long), True], ids=["run", "follow"]
)
def test_a_signal_to_the_whole_process_group_is_like_one_to_the_program(
    program: Program, service: Service, follow: bool
) -> None:
    """As systemd and timeout send it."""
    contents = [service.put(f"{n:02d}.csv", [row(n)]) for n in range(30)]
    arguments = ["run", "--json", *(["--follow"] if follow else [])]
    started = program.start(*arguments, MAX_FILES_PER_TRIGGER="1")
    until(lambda: int(service.redis.get("ingest:version") or 0) >= 2, 60, what="the second commit")
    os.killpg(started.pid, signal.SIGTERM)
    out, errors = started.communicate(timeout=300)

    assert started.returncode == (0 if follow else 143), errors
    assert "Traceback" not in errors
    assert json.loads(out)["new"] == len(service.records()) < 30
    service.holds(*contents[: len(service.records())])


def test_a_run_told_to_stop_while_spark_starts_starts_no_other(
    program: Program, service: Service
) -> None:
    service.put("a.csv", [row(1)])
    started = program.start("run")
    process = psutil.Process(started.pid)
    until(lambda: [p for p in process.children() if "java" in p.name()], 60, what="the JVM")
    os.killpg(started.pid, signal.SIGTERM)
    _, errors = started.communicate(timeout=300)

    assert started.returncode == 143, errors
    assert errors.splitlines() == ["stopped by SIGTERM: 1 file waits for the next run"]
