"""The rule for dates of opening, written AAAAMMDD: which count, and what is wrong with the others."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

ABSENT, INVALID = 0, -1
FIRST = 1800_01_01
"""The service takes no earlier date (`reading/companies.sql`)."""

REASONS = ("data_ausente", "data_invalida", "data_fora_da_faixa", "fora_do_intervalo")
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True)
class Interval:
    """
    The dates asked for, and the last one that there can be.

    Attributes:
        since: the first one asked for.
        until: the last one asked for.
        published: the day the files were made; no establishment opens later.
    """

    since: date
    until: date
    published: date


def number(day: date) -> int:
    """Return a date as the number AAAAMMDD."""
    return day.year * 10_000 + day.month * 100 + day.day


def parsed(text: str) -> int:
    """Return a text as the number AAAAMMDD: ABSENT if it is empty or of zeros, INVALID if no date."""
    if not text.strip("0"):
        return ABSENT
    return int(text) if len(text) == 8 and text.isascii() and text.isdecimal() else INVALID


def reasons(dates: NDArray[np.int32], interval: Interval) -> NDArray[np.int8]:
    """
    Return for each date, as a number AAAAMMDD, why it does not count.

    A number is an index of REASONS: absent; not in the calendar; before 1800 or after the day of the
    files; not asked for. -1: it counts.
    """
    month, day = dates // 100 % 100, dates % 100
    year = dates // 10_000
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    is_date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= _DAYS[np.minimum(month, 12)])
    is_date &= (month != 2) | (day < 29) | leap
    is_possible = (dates >= FIRST) & (dates <= number(interval.published))
    is_asked = (dates >= number(interval.since)) & (dates <= number(interval.until))
    cases = [dates == ABSENT, (dates < 0) | ~is_date, ~is_possible, ~is_asked]
    return np.select(cases, [np.int8(index) for index in range(len(cases))], np.int8(-1))
