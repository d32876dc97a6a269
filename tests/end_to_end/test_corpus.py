"""Everything bad at once: each input comes to what the rules say, and none disturbs another."""

import json
import os
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import corpus, oracle
from tests.corpus import Input
from tests.harness import HOUR, Program, Service, in_background, row, until

MEMORY = 2_500_000_000
DISK = 400_000_000
SECONDS = 240
OUTSIDE = oracle.text([row(99_000_001, "666.66", "Fora"), ("x", "2024-01-31", "Fora", "RN", "1.00")])
COUNTS = ("state", "read", "new", "duplicates", "rejected")


class Landed:
    """The corpus beside an outside that must never be read."""

    def __init__(self, service: Service) -> None:
        self.inputs = corpus.inputs()
        self.looked_at = {i.name: i for i in self.inputs if i.state != "ignored"}
        self.zone = service.settings.landing_zone
        self.root = self.zone.parent
        self.outside = self.root / "outside.csv"
        self.outside.write_text(OUTSIDE)
        staging = self.root / "staging"
        staging.mkdir()
        for when, one in enumerate(self.inputs, start=int(time.time()) - HOUR):
            path = one.lay(staging)
            os.utime(path, (when, when), follow_symlinks=False)
            path.rename(self.zone / one.name)
        staging.rmdir()
        for path in (self.outside, self.root / "outside" / "inside.csv"):
            os.utime(path, (0, time.time() - HOUR))  # whoever reads it, sets the first
        self._before = self._tree()

    def untouched(self) -> None:
        """Assert that nothing but ours was written, and nothing outside read."""
        assert self._tree() == self._before
        for path in (self.outside, self.root / "outside" / "inside.csv"):
            assert path.stat().st_atime_ns == 0, path

    def _tree(self) -> dict[str, tuple[int, int, int]]:
        own = (self.zone / "_quarantine", self.root / "checkpoints", self.root / "temporary")
        tree = {}
        for directory, directories, names in os.walk(self.root):
            kept = [d for d in directories if Path(directory, d) not in own]
            directories[:] = kept
            for name in kept + names:
                status = Path(directory, name).lstat()
                size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
                mtime = 0 if Path(directory, name) == self.zone else status.st_mtime_ns
                tree[str(Path(directory, name))] = (status.st_mode, size, mtime)
        return tree


@pytest.fixture
def landed(service: Service) -> Landed:
    """All of the corpus in the landing zone, in the order of its list."""
    return Landed(service)


@pytest.fixture
def powerless(program: Program) -> Program:
    """The program, unable to read what it may not: root could."""
    program.powerless = True
    temporary = program.directory / "temporary"
    temporary.mkdir()
    program.environment["TMPDIR"] = str(temporary)
    return program


class Usage:
    """The most that a process and its children held at once, sampled: memory (PSS) and unnamed files."""

    memory = disk = 0

    def sample(self, process: psutil.Process) -> None:
        memory = disk = 0
        with suppress(psutil.NoSuchProcess):
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    memory += one.memory_full_info().pss
                    disk += _unnamed(one.pid)
        self.memory, self.disk = max(self.memory, memory), max(self.disk, disk)


def _unnamed(pid: int) -> int:
    held = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            status = descriptor.stat()
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                held += status.st_blocks * 512
    return held


@contextmanager
def watched(pid: int) -> Iterator[Usage]:
    """Sample a process until the block ends."""
    usage, done, process = Usage(), threading.Event(), psutil.Process(pid)

    def watch() -> None:
        while not done.wait(0.1):
            with suppress(FileNotFoundError, ProcessLookupError):
                usage.sample(process)

    with in_background(watch, done):
        yield usage


def compare(records: dict[str, dict[str, Any]], expected: dict[str, Input]) -> None:
    """Assert that each input has the accounting it should have."""
    wrong = []
    for name in sorted({*records, *expected}):
        account = {k: records[name][k] for k in (*COUNTS, "reason")} if name in records else None
        one = expected.get(name)
        should: dict[str, Any] | None = None
        if one is not None:
            should = {k: v for k, v in asdict(one).items() if k in (*COUNTS, "reason")}
            begins = one.reason is not None and one.reason.endswith(" ")
            if begins and account and str(account["reason"]).startswith(str(one.reason)):
                should["reason"] = account["reason"]
        if account != should:
            wrong.append(f"{name!r}: {account}, not {should}")
    assert not wrong, "\n" + "\n".join(wrong)


def quarantined(directory: Path) -> dict[str, Counter[str]]:
    """Return file → reasons of its rejected rows, and assert that nothing of the outside is there."""
    reasons: dict[str, Counter[str]] = {}
    for path in directory.iterdir():
        for line in path.read_text("utf-8").rstrip("\n").split("\n"):
            rejected = json.loads(line)
            assert "Fora" not in rejected["raw"], rejected
            reasons.setdefault(rejected["file"], Counter())[rejected["reason"]] += 1
    return reasons


def holds(service: Service, landed: Landed, *more: corpus.Place) -> None:
    """Assert that Redis and the quarantine have all of the corpus, and nothing else."""
    with_record = {n: i for n, i in landed.looked_at.items() if i.state != "unreadable"}
    records = service.records()
    compare({n: r for n, r in records.items() if n in landed.looked_at}, with_record)
    assert quarantined(service.settings.quarantine_dir) == {
        name: Counter(one.rows) for name, one in with_record.items() if one.rows
    }
    places = [place for one in landed.inputs for place in one.places]
    assert service.features() == corpus.features([*places, *more])
    service.conserved()


def test_the_whole_corpus_comes_to_what_the_rules_say_in_bounded_memory(
    powerless: Program, service: Service, landed: Landed, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    started = powerless.start("run", "--json", LOG_FORMAT="json")
    with watched(started.pid) as usage:
        out, err = started.communicate(timeout=SECONDS)
    seconds = time.monotonic() - begun

    assert started.returncode == 1, err[-5000:]  # closed.csv
    compare({f["file"]: f for f in json.loads(out)["files"]}, landed.looked_at)
    holds(service, landed)
    landed.untouched()
    again = powerless.json("run", code=1)
    assert [(f["file"], f["state"]) for f in again["files"]] == [("closed.csv", "unreadable")]
    holds(service, landed)
    figures = {"seconds": round(seconds), "memory MB": usage.memory >> 20, "disk MB": usage.disk >> 20}
    print(figures)
    record_property("usage", figures)
    assert usage.memory < MEMORY, figures
    assert usage.disk < DISK, figures


@pytest.mark.long
def test_nothing_of_the_corpus_stops_an_always_on_run(
    powerless: Program, service: Service, tmp_path: Path
) -> None:
    started = powerless.start("run", "--follow", LOG_LEVEL="error")
    service.put("antes.csv", [row(99_000_002, cidade="Antes")])
    until(lambda: "antes.csv" in service.records(), 60, what="the file before")
    landed = Landed(service)
    service.put("depois.csv", [row(99_000_003, cidade="Depois")], mtime=time.time() - 1)
    until(lambda: "depois.csv" in service.records(), SECONDS, what="the good file after all the bad")
    missing = {n for n, i in landed.looked_at.items() if i.state != "unreadable"}
    until(lambda: missing <= service.records().keys(), SECONDS, what="a record of each")
    started.send_signal(signal.SIGTERM)
    _, err = started.communicate(timeout=300)

    assert started.returncode == 1, err  # closed.csv
    holds(service, landed, ("Antes", "RN", "100.00", 1), ("Depois", "RN", "100.00", 1))


class Swapped:
    """A file, and a link to an outside one of the same size and time, that can take its place."""

    def __init__(self, service: Service) -> None:
        self.content = service.put("a.csv", [row(1), row(2, estado="XX")])
        self.path = service.settings.landing_zone / "a.csv"
        self.status = self.path.stat()
        self.outside = service.settings.landing_zone.parent / "outside.csv"
        self.outside.write_text(oracle.text([row(93, cidade="Macau"), row(94, "100.00", "Macau", "XX")]))
        times = (self.status.st_atime_ns, self.status.st_mtime_ns)
        os.utime(self.outside, ns=times)
        assert self.outside.stat().st_size == self.status.st_size, "or it is told apart by its size"
        self._aside = self.outside.with_name("aside.csv")
        self._link = self.outside.with_name("link.csv")
        self._aside.hardlink_to(self.path)

    def link(self) -> None:
        self._link.symlink_to(self.outside)
        self._link.replace(self.path)

    def back(self) -> None:
        copy = self._aside.with_name("copy.csv")
        copy.hardlink_to(self._aside)
        copy.replace(self.path)
        copy.unlink(missing_ok=True)  # replacing a name of the same file does nothing

    def unread(self, service: Service) -> None:
        """Assert that nothing of the outside file came in."""
        assert not any("Macau" in key for key in service.features())
        for path in service.settings.quarantine_dir.glob("*.jsonl"):
            assert "Macau" not in path.read_text("utf-8"), path


def test_a_file_that_was_a_link_only_while_it_was_read_is_not_read_through_it(service: Service) -> None:
    swapped = Swapped(service)
    store = service.store()
    position, companies = store.position, store.companies
    acts = [swapped.link]

    def link_then_ask() -> tuple[int, str]:
        if acts:
            acts.pop()()
        return position()

    def back_then_ask(blocks):  # type: ignore[no-untyped-def]
        if swapped.path.is_symlink():
            swapped.back()
        return companies(blocks)

    store.position, store.companies = link_then_ask, back_then_ask  # type: ignore[method-assign]
    service.run(store=store)

    assert acts == []
    swapped.unread(service)
    assert {n: (r["state"], r["new"], r["rejected"]) for n, r in service.records().items()} == {
        "a.csv": ("ingested", 1, 1)
    }


def test_a_file_that_became_a_link_before_it_was_read_leaves_the_batch_and_the_others_count(
    service: Service,
) -> None:
    swapped = Swapped(service)
    good = service.put("b.csv", [row(5, cidade="Recife")])
    store = service.store()
    position = store.position
    acts = [swapped.link]

    def link_then_ask() -> tuple[int, str]:
        if acts:
            acts.pop()()
        return position()

    store.position = link_then_ask  # type: ignore[method-assign]
    service.run(store=store)

    swapped.unread(service)
    assert service.features() == oracle.features([good])
    assert service.records()["a.csv"]["reason"] == "not a file: a symbolic link"


@pytest.mark.long
def test_a_file_that_is_a_link_every_other_moment_is_never_read_through_it(
    program: Program, service: Service
) -> None:
    swapped = Swapped(service)
    service.put("b.csv", [row(5, cidade="Recife")])
    done, swaps = threading.Event(), 0

    def swap() -> None:
        nonlocal swaps
        end = time.monotonic() + 30  # no run can count on a file that never rests
        while not done.wait(0.001) and time.monotonic() < end:
            swapped.link()
            done.wait(0.001)
            swapped.back()
            swaps += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        program("run", SETTLE_TIMEOUT="3")
    finally:
        done.set()
        thread.join()

    assert swaps > 100
    swapped.unread(service)
    assert "b.csv" in service.records()


def test_no_name_leads_out_of_the_landing_zone(program: Program, service: Service) -> None:
    (program.directory / "x.csv").write_text(oracle.text([row(1)]))
    before = sorted(program.directory.rglob("*"))
    for name in ("../x2.csv", "a/../../x2.csv", "/tmp/x2.csv", "..", "../landing_zone/x2.csv"):
        done = program("drop", "x.csv", "--as", name, code=1)
        assert f"error: {name!r} would not be looked at" in done.stderr
    assert sorted(program.directory.rglob("*")) == before


def test_what_spark_would_take_for_a_log_of_its_own_is_not_read(service: Service) -> None:
    content = service.put("a.csv", [row(1)])
    log = service.settings.landing_zone / "_spark_metadata"
    log.mkdir()
    (log / "0").write_text("no log\n")

    service.run()

    service.holds(content)
