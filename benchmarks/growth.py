"""What grows with what: rows, files, and the companies counted before."""

from benchmarks.arena import OURS
from benchmarks.bench import Bench
from benchmarks.data import Data
from benchmarks.results import Result

BEYOND = 80_000_000
"""Companies from here on are in no other file."""


def by_rows(bench: Bench) -> list[Result]:
    """Time runs over more and more rows, and look at their memory."""
    rows_of_file = bench.sizes.bulk_rows
    seconds: dict[str, list[float]] = {str(rows): [] for rows in bench.sizes.rows}
    peaks: dict[str, list[float]] = {str(rows): [] for rows in bench.sizes.rows}
    for number in range(bench.rounds):
        for rows in bench.sizes.rows:
            data = Data(max(1, rows // rows_of_file), min(rows, rows_of_file))
            bench.arena.clear()
            bench.land(data)
            run = bench.run(f"growth-rows {number + 1}/{bench.rounds} {rows:,}", sampled=True)
            bench.check([data])
            seconds[str(rows)].append(run.seconds)
            peaks[str(rows)].append(run.peak / 1e9)
    *_, before, most = bench.sizes.rows
    memory = {OURS: peaks[str(most)], f"itself at {before:,} rows": peaks[str(before)]}
    what = "memory of all processes (peak of PSS)"
    return [
        Result(
            "memory",
            f"{what} at {most:,} rows",
            memory,
            {f"itself at {before:,} rows": 1.15, OURS: 3},
            unit="GB",
        ),
        Result("growth-rows", f"rows, {rows_of_file:,} a file", seconds),
        Result("growth-memory", f"{what}, by rows", peaks, unit="GB"),
    ]


def by_files(bench: Bench) -> list[Result]:
    """Time runs over more and more small files."""
    seconds: dict[str, list[float]] = {str(files): [] for files in bench.sizes.files}
    for number in range(bench.rounds):
        for files in bench.sizes.files:
            data = Data(files, bench.sizes.small_rows)
            bench.arena.clear()
            bench.land(data)
            run = bench.run(f"growth-files {number + 1}/{bench.rounds} {files:,}")
            bench.check([data])
            seconds[str(files)].append(run.seconds)
    return [Result("growth-files", f"files of {bench.sizes.small_rows} rows", seconds)]


def by_companies(bench: Bench) -> list[Result]:
    """Time one file of new companies after more and more others."""
    sizes = bench.sizes
    seconds: dict[str, list[float]] = {str(companies): [] for companies in sizes.companies}
    ledger: dict[str, list[float]] = {str(companies): [] for companies in sizes.companies}
    bench.arena.clear()
    landed: list[Data] = []
    counted = 0
    first = BEYOND
    for companies in sizes.companies:
        if companies:
            files = (companies - counted) // sizes.bulk_rows
            landed.append(Data(files, sizes.bulk_rows, first=counted))
            bench.land(landed[-1], f"{companies}-")
            bench.run(f"growth-companies {companies:,} before")
            counted = companies
        for number in range(bench.rounds):
            landed.append(Data(1, sizes.one_file, first=first))
            bench.land(landed[-1], f"{companies}-{number}-")
            run = bench.run(f"growth-companies {number + 1}/{bench.rounds} {companies:,}")
            seconds[str(companies)].append(run.seconds)
            first += sizes.one_file
        bench.check(landed)
        ledger[str(companies)].append(bench.arena.ledger() / 1e6)
    what = f"companies counted before one more file of {sizes.one_file:,}"
    return [
        Result("growth-companies", what, seconds),
        Result("growth-ledger", "memory of the ledger in Redis, by companies", ledger, unit="MB"),
    ]


def ledger(bench: Bench) -> list[Result]:
    """Return what Redis holds for millions of companies, one after another and scattered."""
    results = []
    for name, order, most in (("neighbours", "neighbouring", 3.0), ("scattered", "random", 30.0)):
        data = Data(bench.sizes.bulk_files, bench.sizes.bulk_rows, scattered=name == "scattered")
        bench.arena.clear()
        bench.land(data)
        bench.run(f"ledger {name}")
        bench.check([data])
        what = f"ledger of {data.files * data.rows:,} {order} CNPJs in Redis"
        megabytes = {OURS: [bench.arena.ledger() / 1e6]}
        results.append(Result(f"ledger-{name}", what, megabytes, {OURS: most}, "MB"))
    return results


def commits(bench: Bench) -> list[Result]:
    """Return what the commit of a file with companies in all municipalities takes of Redis' time."""
    data = Data(1, bench.sizes.everywhere, flat=True)
    places = sum("/" in key for key in data.features())
    took = []
    for number in range(bench.rounds):
        bench.arena.clear()
        bench.land(data)
        bench.run(f"commit {number + 1}/{bench.rounds}")
        bench.check([data])
        took.append(bench.arena.longest_commit())
        bench.say(f"commit {number + 1}/{bench.rounds}: {took[-1]:.1f} ms")
    what = f"Redis' time of one commit that touches all {places:,} municipalities (SLOWLOG)"
    return [Result("commit", what, {OURS: took}, {OURS: 60}, "ms")]
