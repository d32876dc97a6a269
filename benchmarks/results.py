"""What was measured, kept as JSON beside the page that is made of it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

FILE = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Result:
    """
    Measurements of one workload: contender → a figure a round, in rounds of all contenders.

    `targets`: contender → the most that the service may take of what it takes; of the service itself,
    the most in `unit`.
    """

    name: str
    what: str
    figures: dict[str, list[float]]
    targets: dict[str, float] = field(default_factory=dict)
    unit: str = "s"

    def ratios(self, service: str, other: str) -> list[float]:
        """Return the ratios, round by round."""
        pairs = zip(self.figures[service], self.figures[other], strict=True)
        return [a / b for a, b in pairs]


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return median, minimum and maximum."""
    return median(values), min(values), max(values)


def load() -> dict[str, Result]:
    """Return what was measured before, by workload."""
    if not FILE.exists():
        return {}
    return {name: Result(**values) for name, values in json.loads(FILE.read_text()).items()}


def save(results: dict[str, Result]) -> None:
    """Keep what was measured."""
    kept = {name: asdict(result) for name, result in results.items()}
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
