"""One file can never cost the others: whatever fails while it is read, it alone has failed."""

import json
from pathlib import Path

import pytest

from streaming.errors import KeyRefused
from tests.harness import Program, Service, row, until

# Python imports it at every start, the workers' too. The product knows nothing of it.
SABOTAGE = """
import os, signal
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
    sabotaged: Program, service: Service, tmp_path: Path
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

    program = tmp_path / "sabotage" / "sitecustomize.py"
    program.rename(tmp_path / "away.py")
    assert {f["state"] for f in sabotaged.json("run")["files"]} == {"ingested"}
    everything = [*good, *(contents[name] for name in BAD)]
    service.holds(*everything)

    (tmp_path / "away.py").rename(program)
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
    _, errors = started.communicate(timeout=60)

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
