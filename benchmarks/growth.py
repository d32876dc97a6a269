"""What grows with what: rows, files, and the companies counted before."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.arena import OURS, SERVICE, Arena
from benchmarks.data import Data
from benchmarks.results import Result

MILLION = 1_000_000
ROWS = (100_000, MILLION, 10 * MILLION, 50 * MILLION)
FILES = (1, 100, 2_000, 20_000)
COMPANIES = (0, 10 * MILLION, 60 * MILLION)
Say = Callable[[str], None]


def by_rows(arena: Arena, cache: Path, rounds: int, say: Say) -> list[Result]:
    """Time runs over more and more rows, and look at their memory."""
    seconds: dict[str, list[float]] = {str(rows): [] for rows in ROWS}
    peaks: dict[str, list[float]] = {str(rows): [] for rows in ROWS}
    for number in range(rounds):
        for rows in ROWS:
            data = Data(max(1, rows // MILLION), min(rows, MILLION))
            arena.clear()
            arena.land(data.write(cache))
            run = arena.run(SERVICE, sampled=True)
            seconds[str(rows)].append(run.seconds)
            peaks[str(rows)].append(run.peak / 2**20)
            say(f"growth-rows {number + 1}/{rounds} {rows:,} {run.seconds:.1f} s {run.peak >> 20} MiB")
    return [
        Result("growth-rows", "rows, 1,000,000 a file", seconds),
        Result("growth-memory", "memory of all processes, by rows", peaks, unit="MiB"),
    ]


def by_files(arena: Arena, cache: Path, rounds: int, say: Say) -> list[Result]:
    """Time runs over more and more files of 500 rows."""
    seconds: dict[str, list[float]] = {str(files): [] for files in FILES}
    for number in range(rounds):
        for files in FILES:
            arena.clear()
            arena.land(Data(files, 500).write(cache))
            seconds[str(files)].append(arena.run(SERVICE).seconds)
            say(f"growth-files {number + 1}/{rounds} {files:,} files {seconds[str(files)][-1]:.1f} s")
    return [Result("growth-files", "files of 500 rows", seconds)]


def by_companies(arena: Arena, cache: Path, rounds: int, say: Say) -> list[Result]:
    """Time one file of 15,000 new companies after more and more others."""
    seconds: dict[str, list[float]] = {str(companies): [] for companies in COMPANIES}
    ledger: dict[str, list[float]] = {str(companies): [] for companies in COMPANIES}
    arena.clear()
    counted = 0
    for companies in COMPANIES:
        if companies:
            data = Data((companies - counted) // MILLION, MILLION, first=counted)
            arena.land(data.write(cache), f"{companies}-")
            arena.run(SERVICE)
            counted = companies
        for number in range(rounds):
            first = 80 * MILLION + len(COMPANIES) * 15_000 * number + COMPANIES.index(companies) * 15_000
            arena.land(Data(1, 15_000, first=first).write(cache), f"{companies}-{number}-")
            seconds[str(companies)].append(arena.run(SERVICE).seconds)
            say(f"growth-companies {companies:,} {seconds[str(companies)][-1]:.1f} s")
        ledger[str(companies)].append(arena.ledger() / 2**20)
    return [
        Result("growth-companies", "companies counted before one more file of 15,000", seconds),
        Result("growth-ledger", "memory of the ledger in Redis, by companies", ledger, unit="MiB"),
    ]


def ledger(arena: Arena, cache: Path, _: int, say: Say) -> list[Result]:
    """Return what Redis holds for ten million companies, one after another and scattered."""
    found = []
    for name, what, scattered, most in (
        ("ledger-neighbours", "ledger of 10,000,000 neighbouring CNPJs", False, 3.0),
        ("ledger-scattered", "ledger of 10,000,000 scattered CNPJs", True, 30.0),
    ):
        arena.clear()
        arena.land(Data(10, MILLION, scattered=scattered).write(cache))
        arena.run(SERVICE)
        found.append(Result(name, what, {OURS: [arena.ledger() / 1e6]}, {OURS: most}, "MB"))
        say(f"{name} {arena.ledger() / 1e6:.2f} MB")
    return found


def commits(arena: Arena, cache: Path, rounds: int, say: Say) -> list[Result]:
    """Return what the commit of a file with companies in all municipalities takes of Redis' time."""
    took = []
    for number in range(rounds):
        arena.clear()
        arena.land(Data(1, 100_000, flat=True).write(cache))
        arena.run(SERVICE)
        took.append(arena.longest_commit())
        say(f"commit {number + 1}/{rounds} {took[-1]:.1f} ms")
    what = "Redis' time of one commit that touches all municipalities (SLOWLOG)"
    return [Result("commit", what, {OURS: took}, {OURS: 60}, "ms")]
