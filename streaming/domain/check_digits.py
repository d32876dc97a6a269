"""
Check digits of many CNPJs at once: how many are wrong.

Modulo 11 over weights 2 to 9 from the right; a character's value is its ASCII code less 48 (Receita
Federal, "Cálculo do dígito verificador do CNPJ alfanumérico"). `companies.sql` has the same rule for a
single row.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3)
SECOND = 1024
"""What the second sum is multiplied by: no first sum is as large."""


def wrong(numbers: Numbers) -> int:
    """
    Return how many of these CNPJs, as numbers of 14 digits, have wrong check digits.

    The weighted sums of four digits come from tables, the two digits from both sums at once.
    """
    high, middle, low, digits = _tables()
    ten_thousand = np.uint64(10_000)
    company = numbers // np.uint64(100)
    upper = company // ten_thousand
    top = upper // ten_thousand
    sums = high[top]
    sums += middle[upper - top * ten_thousand]
    sums += low[company - upper * ten_thousand]
    return int(np.count_nonzero(digits[sums] != numbers - company * np.uint64(100)))


def wrong_written(cnpjs: NDArray[np.uint8]) -> int:
    """Return how many of these CNPJs, rows of 14 characters, digits or letters, have wrong ones."""
    values = cnpjs.T.astype(np.int16) - ord("0")
    sums = (sum(w * v for w, v in zip(weights, values, strict=False)) for weights in WEIGHTS)
    first, second = _digits(*sums)
    return int(np.count_nonzero((first != values[12]) | (second != values[13])))


def _digits(first_sum: Any, second_sum: Any) -> tuple[Any, Any]:
    """Return the two digits from the weighted sums of the first 12 characters."""
    first = (11 - first_sum % 11) % 11 % 10
    return first, (11 - (second_sum + 2 * first) % 11) % 11 % 10


@cache
def _tables() -> tuple[NDArray[np.uint32], ...]:
    """Return the sums of the first, the second and the last four digits, and the digits by the sums."""
    four = np.arange(10_000)
    places = np.array([four // 1000, four // 100 % 10, four // 10 % 10, four % 10])
    weights = np.array(WEIGHTS[0]) + SECOND * np.array(WEIGHTS[1])
    sums = [weights[first : first + 4] @ places for first in (0, 4, 8)]
    both = np.arange(SECOND * (9 * sum(WEIGHTS[1]) + 1))
    first, second = _digits(both % SECOND, both // SECOND)
    return *(part.astype(np.uint32) for part in sums), (first * 10 + second).astype(np.uint8)
