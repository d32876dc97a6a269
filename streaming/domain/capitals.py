"""
The capitals to look at: those that were not informed, and those that are far above nearly all others.

They count as all others do; they are only listed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

NOT_INFORMED = Decimal("999999999999.00")
"""What Receita Federal's files have as the capital of a company that gave none, in reais."""

HUGE = Decimal(1_000_000_000)
"""From this capital on, in reais, a row is an outlier."""

TIMES = 100
"""A capital above the 99.9th percentile this many times is an outlier."""

LISTED = 1000
"""Outliers and rows without a capital that are listed, of each the most."""


class Capital(NamedTuple):
    """A row with a capital to look at, in reais; the CNPJ is as written, the place is `São Paulo/SP`."""

    reais: Decimal
    cnpj: str
    lugar: str


NOT_GIVEN, LARGE, FAR = "not informed", "1e9 or more", f"above {TIMES} x p99.9"
"""Why a row is listed; p99.9 is the 99.9th percentile."""

EVERY = Decimal(-1)
"""What every capital is above, in reais."""


@dataclass(frozen=True)
class Outlier:
    """A row whose capital is one to look at; `why` is one of NOT_GIVEN, LARGE and FAR."""

    file: str
    cnpj: str
    lugar: str
    capital_social_reais: Decimal
    why: str


@dataclass(frozen=True)
class Capitals:
    """
    The capitals of the rows that fit, without those that are not informed.

    Attributes:
        percentile_99_9_reais: the least capital that 99.9 % of the rows do not exceed; None: no rows.
        outliers: the largest first, and then rows without a capital; LISTED of each at most.
    """

    percentile_99_9_reais: Decimal | None
    outliers: list[Outlier]


class Largest:
    """
    The rows with the largest capitals of some files, of which the 99.9th percentile is the last.

    It holds a thousandth of the rows, so that the percentile is exact however many files there are.

    Args:
        rows: how many rows the files have, at most.
    """

    def __init__(self, rows: int) -> None:
        self.most = max(rank(rows), LISTED)
        """How many rows it holds."""
        self._rows: list[tuple[str, Capital]] = []
        self._marked: list[tuple[str, Capital]] = []

    @property
    def above(self) -> Decimal:
        """What a capital has to be above, in reais, to be one of them."""
        return EVERY if len(self._rows) < self.most else self._rows[-1][1].reais

    def add(self, file: str, largest: Iterable[Capital], marked: Iterable[Capital]) -> None:
        """Add the rows of one file with the largest capitals, and those without a capital."""
        self._rows += ((file, capital) for capital in largest)
        self._rows.sort(key=lambda row: (-row[1].reais, row[0], row[1].cnpj))
        del self._rows[self.most :]
        self._marked += ((file, capital) for capital in marked)
        del self._marked[LISTED:]

    def capitals(self, rows: int) -> tuple[Capitals, dict[str, int]]:
        """
        Return the outliers, and for each file how many rows are only FAR above others.

        `rows` is the number of all rows that fit, without those that are not informed.
        """
        percentile = self._rows[rank(rows) - 1][1].reais if rows else None
        # Where nearly all have no capital, a hundred times as much says nothing.
        far = TIMES * percentile if percentile else HUGE
        outliers, counts = [], dict[str, int]()
        for file, capital in self._rows:
            if capital.reais >= HUGE:
                outliers.append(_outlier(file, capital, LARGE))
            elif capital.reais > far:
                outliers.append(_outlier(file, capital, FAR))
                counts[file] = counts.get(file, 0) + 1
        marked = [_outlier(file, capital, NOT_GIVEN) for file, capital in self._marked]
        return Capitals(percentile, outliers[:LISTED] + marked), counts


def rank(rows: int) -> int:
    """Return which of the capitals of so many rows, the largest first, is their 99.9th percentile."""
    return rows // 1000 + 1


def _outlier(file: str, capital: Capital, why: str) -> Outlier:
    return Outlier(file, capital.cnpj, capital.lugar, capital.reais, why)
