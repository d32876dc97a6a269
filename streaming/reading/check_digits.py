"""
Check digits of many CNPJs at once: how many are wrong.

Modulo 11 over weights 2 to 9 from the right (Receita Federal). The weighted sums of four digits come
from tables, the two digits from both sums at once; `companies.sql` has the same rule for a single row.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3)
SECOND = 1024
"""What the second sum is multiplied by: no first sum is as large."""


def wrong(numbers: Numbers) -> int:
    """Return how many of these CNPJs, as numbers of 14 digits, have wrong check digits."""
    high, middle, low, digits = _tables()
    ten_thousand = np.uint64(10_000)
    company = numbers // np.uint64(100)
    upper = company // ten_thousand
    top = upper // ten_thousand
    sums = high[top]
    sums += middle[upper - top * ten_thousand]
    sums += low[company - upper * ten_thousand]
    return int(np.count_nonzero(digits[sums] != numbers - company * np.uint64(100)))


@cache
def _tables() -> tuple[NDArray[np.uint32], ...]:
    """Return the sums of the first, the second and the last four digits, and the digits by the sums."""
    four = np.arange(10_000)
    places = np.array([four // 1000, four // 100 % 10, four // 10 % 10, four % 10])
    weights = np.array(WEIGHTS[0]) + SECOND * np.array(WEIGHTS[1])
    sums = [weights[first : first + 4] @ places for first in (0, 4, 8)]
    both = np.arange(SECOND * (9 * sum(WEIGHTS[1]) + 1))
    first = (11 - both % SECOND % 11) % 11 % 10
    second = (11 - (both // SECOND + 2 * first) % 11) % 11 % 10
    return *(part.astype(np.uint32) for part in sums), (first * 10 + second).astype(np.uint8)
