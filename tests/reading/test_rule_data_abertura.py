"""The rules of companies.sql for data_abertura."""

import pytest

from tests.reading.rules import UNREADABLE, reason


@pytest.mark.parametrize(
    "opened",
    [
        "2024-01-31",
        "2024-02-29",
        "1800-01-01",
        "1800-01-01T00:00:00Z",
        "2024-01-31T10:00",
        "2024-01-31T10:00Z",
        "2024-01-31 10:00:00",
        "2024-01-31T10:00:00.123Z",
        "2024-01-31T10:00:00.123456789Z",
        "2024-01-31T10:00:00-03:00",
        "2024-01-31T10:00:00-0300",
        "2024-01-31T10:00:00-03",
        "2024-01-31T23:59:59+14:00",
        "  2024-01-31\t",
        "2026-07-01",
        "2026-07-02",
        "2026-07-02T12:00:00Z",  # a day in the future, exactly
        "2026-07-02T09:00:00-03:00",
        "2026-07-03T02:00:00+14:00",
    ],
)
def test_an_iso_8601_date_or_instant_fits(opened: str) -> None:
    assert reason(data_abertura=opened) is None


FUTURE = "data_abertura: more than a day in the future"
EARLY = "data_abertura: before 1800"


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        ("", "data_abertura: missing"),
        (" \t", "data_abertura: missing"),
        ("31/01/2024", UNREADABLE),
        ("2024/01/31", UNREADABLE),
        ("2024-1-31", UNREADABLE),
        ("24-01-31", UNREADABLE),
        ("2023-02-29", UNREADABLE),
        ("1900-02-29", UNREADABLE),
        ("2024-13-01", UNREADABLE),
        ("2024-00-10", UNREADABLE),
        ("2024-01-00", UNREADABLE),
        ("0000-00-00", UNREADABLE),
        ("2024-01-31T25:00:00", UNREADABLE),
        ("2024-01-31T10:60:00", UNREADABLE),
        ("2024-01-31T10:00:00+99:99", UNREADABLE),  # no such zone
        ("2024-01-31T10:00:00 America/Sao_Paulo", UNREADABLE),
        ("2024-01-31x", UNREADABLE),
        ("2024-01-31\n", UNREADABLE),
        ("２０２４-01-31", UNREADABLE),
        ("1706659200", UNREADABLE),
        ("45322", UNREADABLE),
        ("today", UNREADABLE),
        ("infinity", UNREADABLE),
        ("-infinity", UNREADABLE),
        ("1799-12-31", EARLY),
        ("1799-12-31T23:59:59.999999Z", EARLY),
        ("1800-01-01T00:00:00+03:00", EARLY),
        ("0001-01-01", EARLY),
        ("2026-07-02T12:00:00.000001Z", FUTURE),
        ("2026-07-02T12:00:01Z", FUTURE),
        ("2026-07-02T09:00:01-03:00", FUTURE),
        ("2026-07-03", FUTURE),
        ("9999-12-31", FUTURE),
    ],
)
def test_a_date_that_is_missing_unreadable_too_early_or_too_late_is_rejected(
    opened: str, expected: str
) -> None:
    assert reason(data_abertura=opened) == expected
