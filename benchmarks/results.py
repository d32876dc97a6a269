"""What was measured, kept as JSON beside the page that is made of it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

FILE = "results.json"

# As they are shown, whatever was measured last.
NAMES = (
    "one-file",
    "bulk",
    "again",
    "repeats",
    "many-files",
    "nothing",
    "follow-median",
    "follow-p99",
    "follow-first",
    "commit",
    "reads-one",
    "reads-fifty",
    "batch-blocks",
    "batch-collected",
    "batch-decided",
    "batch-argument",
    "batch-script",
    "ledger-neighbours",
    "ledger-scattered",
    "cores",
    "memory",
    "growth-rows",
    "growth-files",
    "growth-companies",
    "growth-memory",
    "growth-ledger",
)


@dataclass(frozen=True)
class Origin:
    """Where figures come from: the machine, the software, the day, the commit and the command."""

    machine: str = ""
    software: str = ""
    date: str = ""
    commit: str = ""
    command: str = ""


@dataclass(frozen=True)
class Result:
    """
    Measurements of one workload: contender → a figure a round, in rounds of all contenders.

    `targets`: contender → the most that the service may take of what it takes; of the service itself,
    the most in `unit`. Of what grows, the names are sizes.
    """

    name: str
    what: str
    figures: dict[str, list[float]]
    targets: dict[str, float] = field(default_factory=dict)
    unit: str = "s"
    origin: Origin = Origin()

    def ratios(self, service: str, other: str) -> list[float]:
        """Return the ratios, round by round."""
        pairs = zip(self.figures[service], self.figures[other], strict=True)
        return [a / b for a, b in pairs]

    def medians(self) -> list[tuple[int, float]]:
        """Return size and median, smallest first, of what grows."""
        return sorted((int(size), median(values)) for size, values in self.figures.items())


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return median, minimum and maximum."""
    return median(values), min(values), max(values)


def load(directory: Path) -> dict[str, Result]:
    """Return what was measured before, by name."""
    if not (directory / FILE).exists():
        return {}
    kept = json.loads((directory / FILE).read_text("utf-8"))
    return {
        name: Result(**{**kept[name], "origin": Origin(**kept[name]["origin"])})
        for name in NAMES
        if name in kept
    }


def save(results: dict[str, Result], directory: Path) -> None:
    """Keep what was measured; whoever interrupts it finds the one or the other, whole."""
    kept = {name: asdict(results[name]) for name in NAMES if name in results}
    written = directory / f".{FILE}"
    written.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    written.replace(directory / FILE)
