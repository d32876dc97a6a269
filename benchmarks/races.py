"""The service beside others on the same files: whole processes, in turn, round by round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks.arena import SERVICE, Arena, Contender, peer
from benchmarks.data import Data
from benchmarks.results import Result

BATCH = peer("plain batch", "spark_batch.py")
DEDUP = peer("dropDuplicates stream", "spark_dedup_stream.py", once=True, exact=False)
MILLION = 1_000_000


@dataclass(frozen=True)
class Race:
    """
    One workload.

    `targets`: contender → how much of its time the service may take. `counted`: what has been ingested
    when the clock starts: nothing, the `same` files, or what is in them under `other` names.
    """

    name: str
    what: str
    data: Data
    targets: dict[str, float]
    others: tuple[Contender, ...] = (BATCH,)
    counted: str = ""

    def run(
        self,
        arena: Arena,
        cache: Path,
        rounds: int,
        others: Sequence[Contender],
        say: Callable[[str], None],
    ) -> list[Result]:
        """Run all contenders once to warm up, and then so many times in turn; raises where one errs."""
        files = self.data.write(cache)
        contenders = (SERVICE, *self.others, *others)
        seconds: dict[str, list[float]] = {c.name: [] for c in contenders}
        sums = {once: self.data.sums(once=once) for once in {c.once for c in contenders}}
        for number in range(rounds + 1):
            for contender in contenders if number % 2 else reversed(contenders):
                self._prepare(arena, contender, files)
                took = arena.run(contender).seconds
                _check(arena, contender, sums[contender.once])
                if number:
                    seconds[contender.name].append(took)
                say(f"{self.name} {number}/{rounds} {contender.name} {took:.2f} s")
        return [Result(self.name, self.what, seconds, self.targets)]

    def _prepare(self, arena: Arena, contender: Contender, files: list[Path]) -> None:
        arena.clear()
        arena.land(files)
        if self.counted and contender is SERVICE:
            arena.run(SERVICE)
        if self.counted == "other":
            arena.empty_landing_zone()
            arena.land(files, "again-")


def _check(arena: Arena, contender: Contender, expected: tuple[int, Decimal]) -> None:
    """Who is fast and wrong has not won."""
    if not contender.legible:
        return
    companies, capital = arena.counted(contender)
    near = 0 if contender.exact else Decimal("0.01") * companies
    if companies != expected[0] or abs(capital - expected[1]) > near:
        raise RuntimeError(f"{contender.name} counted {companies}, {capital}, and not {expected}")


ONE_FILE = Data(1, 15_000)
BULK = Data(10, MILLION)
RACES = (
    Race(
        "one-file",
        "one file of 15,000 new companies",
        ONE_FILE,
        {BATCH.name: 0.50},
        (BATCH, DEDUP),
    ),
    Race(
        "bulk",
        "10 files of 1,000,000 rows, all new",
        BULK,
        {BATCH.name: 0.60, DEDUP.name: 0.22},
        (BATCH, DEDUP),
    ),
    Race(
        "again",
        "the same under other names, every row a duplicate",
        BULK,
        {BATCH.name: 0.60},
        counted="other",
    ),
    Race(
        "repeats",
        "10 files of 1,000,000 rows, 10 % repeated within and across files",
        Data(10, MILLION, repeats=0.1),
        {BATCH.name: 0.90},
    ),
    Race("many-files", "2,000 files of 500 rows", Data(2000, 500), {BATCH.name: 0.80}),
    Race(
        "nothing",
        "nothing to do (one file, counted before)",
        ONE_FILE,
        {BATCH.name: 0.15},
        counted="same",
    ),
)
