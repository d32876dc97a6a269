"""The service beside others on the same files: whole processes, in turn, round by round."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arena import SERVICE, Contender, peer
from benchmarks.bench import Bench
from benchmarks.data import Data
from benchmarks.results import Result
from benchmarks.sizes import Sizes

BATCH = peer("plain batch", "spark_batch.py")
DEDUP = peer("dropDuplicates stream", "spark_dedup_stream.py", once=True, exact=False)


def polars(python: Path) -> Contender:
    """Return the contender that sets the goal: what two cores can do where nothing is promised."""
    return peer("Polars", "polars_hset.py", str(python), exact=False, timed=True)


def feast(python: Path) -> Contender:
    """Return the contender whose features are overwritten, in a form of its own."""
    return peer("Feast", "feast_write.py", str(python), legible=False)


@dataclass(frozen=True)
class Race:
    """
    One workload.

    `targets`: contender → how much of its time the service may take, wherever it takes part. `counted`:
    what has been ingested when the clock starts: nothing, the `same` files, or what is in them under
    `other` names.
    """

    name: str
    what: str
    data: Data
    targets: dict[str, float]
    others: tuple[Contender, ...] = (BATCH,)
    counted: str = ""
    open: bool = False
    """Whether those take part that need a Python of their own."""

    def run(self, bench: Bench, guests: Iterable[Contender]) -> list[Result]:
        """Run all contenders once to warm up, and then so many times in turn; raises where one errs."""
        contenders = (SERVICE, *self.others, *(guests if self.open else ()))
        seconds: dict[str, list[float]] = {c.name: [] for c in contenders}
        for number in range(0 if bench.warm else 1, bench.rounds + 1):
            step = f"{self.name} {number}/{bench.rounds}"
            for contender in contenders if number % 2 else reversed(contenders):
                self._prepare(bench, contender, step)
                run = bench.run(step, contender)
                bench.check([self.data], contender)
                if number:
                    seconds[contender.name].append(run.seconds)
                    if contender.timed:
                        inside = float(run.output.split()[-1])
                        seconds.setdefault(contender.after_start, []).append(inside)
        targets = {name: most for name, most in self.targets.items() if name in seconds}
        return [Result(self.name, self.what, seconds, targets)]

    def _prepare(self, bench: Bench, contender: Contender, step: str) -> None:
        bench.arena.clear()
        bench.land(self.data)
        if self.counted and contender is SERVICE:
            bench.run(f"{step} before")
        if self.counted == "other":
            bench.arena.empty_landing_zone()
            bench.land(self.data, "again-")


def races(sizes: Sizes) -> tuple[Race, ...]:
    """Return all workloads."""
    one_file = Data(1, sizes.one_file)
    bulk = Data(sizes.bulk_files, sizes.bulk_rows)
    files = f"{sizes.bulk_files} files of {sizes.bulk_rows:,} rows"
    return (
        Race(
            "one-file",
            f"one file of {sizes.one_file:,} new companies, cold process",
            one_file,
            {BATCH.name: 0.50},
            (BATCH, DEDUP),
            open=True,
        ),
        Race(
            "bulk",
            f"{files}, all new",
            bulk,
            {BATCH.name: 0.60, DEDUP.name: 0.22, polars(Path()).after_start: 3},
            (BATCH, DEDUP),
            open=True,
        ),
        Race(
            "again",
            "the same under other names, every row a duplicate",
            bulk,
            {BATCH.name: 0.60},
            counted="other",
        ),
        Race(
            "repeats",
            f"{files}, 10 % repeated within and across files",
            Data(sizes.bulk_files, sizes.bulk_rows, repeats=0.1),
            {BATCH.name: 0.90},
        ),
        Race(
            "many-files",
            f"{sizes.small_files:,} files of {sizes.small_rows} rows",
            Data(sizes.small_files, sizes.small_rows),
            {BATCH.name: 0.80},
        ),
        Race(
            "nothing",
            "nothing to do (one file, counted before)",
            one_file,
            {BATCH.name: 0.15},
            counted="same",
        ),
    )
