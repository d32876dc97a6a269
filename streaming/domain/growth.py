"""
Growth: the openings of some months against those of months before, and how much of it is certain.

A growth from 1 to 4 says little, one from 1,000 to 1,200 says much. So growth is ranked by its lower
bound: openings now are taken as a share a / (a + b) of both periods, whose lower limit L at 95 %
(Wilson, 1927) means a growth of at least L / (1 - L) - 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

Z = 1.959964
"""The normal quantile of a two-sided interval of 95 %."""

FLOOR = 30
"""Openings in both periods together; with fewer, a lower bound says nothing."""

NEW, WITHOUT_BASE = "novo", "sem base"


@dataclass(frozen=True)
class Growth:
    """
    How the openings of one place grew.

    Attributes:
        lugar: the place: `São Paulo/SP`, or a state.
        a: openings in the period.
        b: openings in the period that it is compared with.
        crescimento: a / b - 1; None where b is 0 or months are missing.
        crescimento_minimo: its lower bound at 95 %; None likewise.
        situacao: `novo` (b is 0), `sem base` (the data lacks months of either period), or empty.
    """

    lugar: str
    a: int
    b: int
    crescimento: float | None
    crescimento_minimo: float | None
    situacao: str = ""


@dataclass(frozen=True)
class Periods:
    """The months of two periods, AAAA-MM in order, and those of them that the data does not have."""

    now: Sequence[str]
    before: Sequence[str]
    missing: Sequence[str]


def interval(a: int, b: int) -> tuple[float, float]:
    """Return the least and the most growth from b to a openings, at 95 %; b is above 0."""
    n = a + b
    share, zz = a / n, Z * Z
    spread = Z * sqrt(share * (1 - share) / n + zz / (4 * n * n))
    least = (share + zz / (2 * n) - spread) / (1 + zz / n)
    most = (share + zz / (2 * n) + spread) / (1 + zz / n)
    return least / (1 - least) - 1, most / (1 - most) - 1


def lower_bound(a: int, b: int) -> float:
    """Return the least growth from b to a openings, at 95 %; b is above 0."""
    return interval(a, b)[0]


def periods(months: Iterable[str], length: int, *, last: str | None = None, adjacent: bool) -> Periods:
    """
    Return the last `length` complete months of the data, and those to compare them with.

    Args:
        months: the months that the data has. All but the last are complete: nobody knows of the last
            whether there is more to come.
        length: how many months each period has.
        last: the last month of the period, instead of the last complete one.
        adjacent: compare with the months just before, instead of the same months a year before.
    """
    known = sorted(set(months))
    end = last or (known[-2] if len(known) > 1 else known[0] if known else "0001-01")
    now = [shifted(end, -back) for back in reversed(range(length))]
    before = [shifted(month, -length if adjacent else -12) for month in now]
    return Periods(now, before, sorted({*now, *before}.difference(known)))


def growth(lugar: str, openings: Mapping[str, int], periods: Periods) -> Growth:
    """Return how the openings of one place by month grew between two periods."""
    a = sum(openings.get(month, 0) for month in periods.now)
    b = sum(openings.get(month, 0) for month in periods.before)
    if periods.missing:
        return Growth(lugar, a, b, None, None, WITHOUT_BASE)
    if b == 0:
        return Growth(lugar, a, b, None, None, NEW)
    return Growth(lugar, a, b, a / b - 1, lower_bound(a, b))


def ranked(growths: Iterable[Growth]) -> list[Growth]:
    """Return those with enough openings, the most certain growth first, what has no base last."""
    enough = (g for g in growths if g.a + g.b >= FLOOR)
    return sorted(enough, key=lambda g: (_order(g.crescimento_minimo), -g.a, g.lugar))


def _order(bound: float | None) -> float:
    return float("inf") if bound is None else -bound


def shifted(month: str, by: int) -> str:
    """Return the month that is so many months later, AAAA-MM."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def between(first: str, last: str) -> list[str]:
    """Return the months from the first to the last."""
    months = [first]
    while months[-1] < last:
        months.append(shifted(months[-1], 1))
    return months
