"""Always on: how long from the rename of a file to its features in Redis."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.arena import OURS, SERVICE, Arena, Contender
from benchmarks.data import Data
from benchmarks.results import Result

FILES = 200
WAIT = 60
LOOK = 0.0005
PAUSE = 0.1


def run(
    arena: Arena, cache: Path, rounds: int, others: list[Contender], say: Callable[[str], None]
) -> list[Result]:
    """Return the latencies of 200 files a round: the first, the median and the 99th percentile."""
    found: dict[str, dict[str, list[float]]] = {"first": {}, "median": {}, "p99": {}}
    for number in range(rounds):
        for contender in (SERVICE, *others):
            first, *rest = latencies(arena, contender, cache, FILES + 1)
            steps = quantiles(rest, n=100)
            for name, value in (("first", first), ("median", median(rest)), ("p99", steps[98])):
                found[name].setdefault(contender.name, []).append(value)
            told = f"{first:.3f} {median(rest):.3f} {steps[98]:.3f} s"
            say(f"follow {number + 1}/{rounds} {contender.name} {told}")
    what = "always on, files of 500 rows, from rename to features in Redis"
    return [
        Result("follow-median", f"{what}: median of {FILES}", found["median"], {OURS: 0.18}),
        Result("follow-p99", f"{what}: 99th percentile", found["p99"], {OURS: 0.40}),
        Result("follow-first", f"{what}: the first after the start", found["first"], {OURS: 0.50}),
    ]


def latencies(arena: Arena, contender: Contender, cache: Path, files: int) -> list[float]:
    """Return the seconds that each of so many files of 500 rows took, one after another."""
    arena.clear()
    written = Data(files, 500).write(cache)
    ours = contender.name == OURS
    client = arena.redis if ours else arena.others
    client.flushdb()
    places = ("--follow",) if ours else (str(arena.landing_zone), arena.url_of_others)
    took = []
    with arena.start((*contender.command, *places), LOG_LEVEL="info") as process:
        assert process.stderr is not None
        said = _Lines(process.stderr)
        try:
            if ours:
                said.wait_for("following")
            else:
                time.sleep(10)  # it does not tell when it is ready
            city, expected = _city(written[0]), 0
            for file in written:
                expected += file.read_text("utf-8").count(f",{city},")
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
