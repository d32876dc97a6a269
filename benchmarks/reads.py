"""What readers wait for: features of one municipality and of 50, idle and while files are counted."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import quantiles
from typing import Any

from benchmarks.arena import SERVICE, Arena
from benchmarks.bench import Bench
from benchmarks.data import Data
from benchmarks.results import Result

AT_ONCE = 50
PACE = 0.005
"""Seconds between two reads."""
FIGURES = {"median": 50, "99th percentile": 99}
WHAT = {
    "one": "HGETALL of one municipality",
    "fifty": f"HGETALL of {AT_ONCE} municipalities in one pipeline",
}

Read = Callable[[], object]
Times = dict[str, list[float]]


def run(bench: Bench) -> list[Result]:
    """
    Time reads of the features of all municipalities: first nothing else runs, then files are counted.

    Each of these files is a commit of its own, and has companies in every municipality.
    """
    files = bench.sizes.commits
    data = Data(files + 1, bench.sizes.everywhere, flat=True)
    places = sorted(key for key in data.features() if "/" in key)
    figures: dict[str, dict[str, list[float]]] = {name: {} for name in WHAT}
    for number in range(1, bench.rounds + 1):
        step = f"reads {number}/{bench.rounds}"
        bench.arena.clear()
        first, *others = bench.written(data)
        bench.arena.land([first])
        bench.run(step)
        reads = _reads(bench.arena.redis, places)
        idle = timed(reads, partial(_before, time.monotonic() + bench.sizes.seconds))
        bench.arena.land(others)
        bench.say(f"{step}: reading during {files} commits …")
        busy = _while_counting(bench.arena, reads, files)
        bench.check([data])
        for moment, times in (("idle", idle), (f"during {files} commits", busy)):
            for name, milliseconds in times.items():
                for figure, value in _figures(milliseconds).items():
                    figures[name].setdefault(f"{figure}, {moment}", []).append(value)
                    bench.say(f"{step}: {name}, {figure}, {moment}: {value:.2f} ms")
    return [
        Result(f"reads-{name}", f"{what}, of {len(places):,}", figures[name], unit="ms")
        for name, what in WHAT.items()
    ]


def timed(reads: Mapping[str, Read], going: Callable[[], bool]) -> Times:
    """
    Return the milliseconds of reads in turn, at a steady pace, by name.

    A read that took longer than the pace kept others from being sent, which would have waited too. They
    count with what was left of the wait, as HdrHistogram corrects for coordinated omission.
    """
    times: Times = {name: [] for name in reads}
    pace = PACE * len(reads)
    for name in cycle(reads):
        if not going():
            break
        time.sleep(PACE)
        began = time.monotonic()
        reads[name]()
        seconds = time.monotonic() - began
        times[name] += [(seconds - number * pace) * 1000 for number in range(1 + int(seconds / pace))]
    return times


def _reads(client: Any, places: Sequence[str]) -> dict[str, Read]:
    """Return what reads the next municipality, and what reads the next several."""
    following = cycle(places)

    def fifty() -> None:
        pipeline = client.pipeline(transaction=False)
        for place in islice(following, AT_ONCE):
            pipeline.hgetall(place)
        pipeline.execute()

    return {"one": lambda: client.hgetall(next(following)), "fifty": fifty}


def _while_counting(arena: Arena, reads: Mapping[str, Read], commits: int) -> Times:
    """Return the times of reads from the first of these commits to the last."""
    before = _version(arena)
    with arena.start(SERVICE.command, MAX_FILES_PER_TRIGGER="1") as process:
        while process.poll() is None and _version(arena) == before:
            time.sleep(PACE)
        times = timed(reads, lambda: process.poll() is None and _version(arena) < before + commits)
        _, errors = process.communicate()
    if process.returncode or _version(arena) != before + commits:
        raise RuntimeError(f"{_version(arena) - before} of {commits} commits were made:\n{errors}")
    return times


def _version(arena: Arena) -> int:
    return int(arena.redis.get("ingest:version"))


def _before(end: float) -> bool:
    return time.monotonic() < end


def _figures(milliseconds: list[float]) -> dict[str, float]:
    hundredths = quantiles(milliseconds, n=100, method="inclusive")
    return {figure: hundredths[position - 1] for figure, position in FIGURES.items()}
