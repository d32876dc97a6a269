"""How what is measured grows: the slope between one size and the next, on logarithmic axes."""

from dataclasses import dataclass
from itertools import pairwise
from math import log

from benchmarks.results import Result

CONSTANT = 0.1
LINEAR = (0.9, 1.1)


@dataclass(frozen=True)
class Step:
    """From one size to the next: the median at each."""

    size: int
    larger: int
    value: float
    other: float

    @property
    def times(self) -> float:
        """How many times as much."""
        return self.other / self.value

    @property
    def slope(self) -> float | None:
        """The exponent of growth: 0 is constant, 1 linear, 2 quadratic; from nothing there is none."""
        return log(self.times) / log(self.larger / self.size) if self.size else None

    @property
    def reads(self) -> str:
        """The slope in a word; from nothing, constant is what differs by less than a tenth."""
        if self.slope is None:
            return "constant" if abs(self.times - 1) <= CONSTANT else "grows"
        if abs(self.slope) <= CONSTANT:
            return "constant"
        if self.slope < 0:
            return "falls"
        if self.slope < LINEAR[0]:
            return "less than linear"
        return "linear" if self.slope <= LINEAR[1] else "more than linear"


def steps(result: Result) -> list[Step]:
    """Return the steps from size to size."""
    points = pairwise(result.medians())
    return [Step(size, larger, value, other) for (size, value), (larger, other) in points]
