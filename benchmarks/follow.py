"""Always on: how long from the rename of a file to its features in Redis."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.arena import OURS, SERVICE, Contender, peer
from benchmarks.bench import Bench
from benchmarks.data import Data
from benchmarks.results import Result

WAIT = 60
LOOK = 0.0005
PAUSE = 0.1


def pathway(python: Path) -> Contender:
    """Return the contender that is always on, too."""
    return peer("Pathway", "pathway_follow.py", str(python), exact=False)


def run(bench: Bench, guests: Iterable[Contender]) -> list[Result]:
    """Return the latencies of so many files a round: the first, the median and the 99th percentile."""
    seconds: dict[str, dict[str, list[float]]] = {"first": {}, "median": {}, "p99": {}}
    files = bench.sizes.followed
    for number in range(bench.rounds):
        for contender in (SERVICE, *guests):
            step = f"follow {number + 1}/{bench.rounds}: {contender.name}"
            bench.say(f"{step} …")
            data = Data(files + 1, bench.sizes.small_rows)
            first, *rest = latencies(bench, contender, data)
            steps = quantiles(rest, n=100)
            for name, value in (("first", first), ("median", median(rest)), ("p99", steps[98])):
                seconds[name].setdefault(contender.name, []).append(value)
            bench.say(f"{step} first {first:.3f} s, median {median(rest):.3f} s, p99 {steps[98]:.3f} s")
    what = f"always on, files of {bench.sizes.small_rows} rows, from rename to features in Redis"
    return [
        Result("follow-median", f"{what}: median of {files}", seconds["median"], {OURS: 0.18}),
        Result("follow-p99", f"{what}: 99th percentile", seconds["p99"], {OURS: 0.40}),
        Result("follow-first", f"{what}: the first after the start", seconds["first"], {OURS: 0.50}),
    ]


def latencies(bench: Bench, contender: Contender, data: Data) -> list[float]:
    """Return the seconds that each of these files took, one after another; raises where one errs."""
    arena = bench.arena
    arena.clear()
    written = bench.written(data)
    ours = contender.name == OURS
    client = arena.redis if ours else arena.others
    places = ("--follow",) if ours else (str(arena.landing_zone), arena.url_of_others)
    took = []
    with arena.start((*contender.command, *places), LOG_LEVEL="info") as process:
        assert process.stderr is not None
        lines = _Lines(process.stderr)
        try:
            if ours:
                lines.wait_for("following")
            else:
                time.sleep(10)  # it does not tell when it is ready
            city, expected = _city(written[0]), 0
            for file in written:
                companies = file.read_text("utf-8").count(f",{city},")
                assert companies, f"{file.name} has nothing of {city} to wait for"
                expected += companies
                hidden = arena.landing_zone / f".{file.name}"
                os.link(file, hidden)
                began = time.monotonic()
                hidden.rename(arena.landing_zone / file.name)
                _until(partial(_counts, client, city, expected))
                took.append(time.monotonic() - began)
                time.sleep(PAUSE)
        finally:
            process.terminate()
            process.wait()
    bench.check([data], contender)
    return took


def _city(file: Path) -> str:
    """Return the city of most of the rows: every file has it."""
    cities = [line.split(",")[2] for line in file.read_text("utf-8").splitlines()[1:]]
    return max(set(cities), key=cities.count)


def _counts(client: Any, city: str, companies: int) -> bool:
    return bool(client.hget(city, "quantidade_empresas") == str(companies))


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the features did not come within {WAIT} s")
        time.sleep(LOOK)


class _Lines:
    """Reads what a process says, so that it never waits for a reader."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.append(line)

    def wait_for(self, word: str) -> None:
        _until(lambda: any(word in line for line in self._lines))
