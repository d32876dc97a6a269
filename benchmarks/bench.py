"""What all workloads measure with: the arena, how much and how often, and a word about each step."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arena import SERVICE, Arena, Contender, Run
from benchmarks.data import Data, joined
from benchmarks.sizes import Sizes

Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """Everything that a workload needs, and its steps, each said as it begins and as it ends."""

    arena: Arena
    files: Path
    """Where files are made, and found the next time."""
    rounds: int
    sizes: Sizes
    say: Say
    warm: bool = True
    """Whether a first round of a race warms up and is not counted."""

    def land(self, data: Data, prefix: str = "") -> None:
        """Put these files into the landing zone, made where they are not yet."""
        self.arena.land(self.written(data), prefix)

    def written(self, data: Data) -> list[Path]:
        """Return these files, made where they are not yet."""
        if not data.place(self.files).is_dir():
            began = time.monotonic()
            what = f"files: {data.files:,} of {data.rows:,} rows"
            self.say(f"{what} …")
            data.write(self.files)
            self.say(f"{what} made in {time.monotonic() - began:.1f} s")
        return data.write(self.files)

    def run(self, step: str, contender: Contender = SERVICE, *, sampled: bool = False) -> Run:
        """Run a contender to its end."""
        self.say(f"{step}: {contender.name} …")
        run = self.arena.run(contender, sampled=sampled)
        memory = f", {run.peak >> 20} MiB" if sampled else ""
        self.say(f"{step}: {contender.name} {run.seconds:.2f} s{memory}")
        return run

    def check(self, all_data: Iterable[Data], contender: Contender = SERVICE) -> None:
        """Raise where what a contender left in Redis is not what is in the files."""
        self.arena.check(contender, joined(data.features(once=contender.once) for data in all_data))
