"""Growth: what is certain of it, of which months, and in which order."""

import pytest

from streaming.domain import growth
from streaming.domain.growth import Growth, Periods

YEARS = growth.between("2024-09", "2026-10")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(1, 4, -0.399), (100, 150, 0.165), (1000, 1200, 0.103), (30, 0, -1.0), (10, 10, -0.573)],
)
def test_the_lower_bound_is_that_of_wilson(before: int, now: int, expected: float) -> None:
    assert growth.lower_bound(now, before) == pytest.approx(expected, abs=0.0005)


def test_the_last_month_of_the_data_is_not_complete() -> None:
    assert growth.periods(YEARS, 3, adjacent=False) == Periods(
        ["2026-07", "2026-08", "2026-09"], ["2025-07", "2025-08", "2025-09"], []
    )
    assert growth.periods(YEARS, 3, adjacent=True).before == ["2026-04", "2026-05", "2026-06"]
    assert growth.periods(YEARS, 2, last="2026-10", adjacent=False).now == ["2026-09", "2026-10"]


def test_months_that_the_data_lacks_are_named() -> None:
    months = [month for month in YEARS if month not in ("2025-08", "2026-08")]
    assert growth.periods(months, 12, adjacent=False).missing == ["2025-08", "2026-08"]
    assert growth.periods(["2026-10"], 1, adjacent=False).missing == ["2025-10"]
    assert growth.periods([], 1, adjacent=False).missing == ["0000-01", "0001-01"]


def test_a_place_grows_by_its_openings_in_both_periods() -> None:
    periods = growth.periods(YEARS, 1, adjacent=False)
    assert growth.growth("Natal/RN", {"2026-09": 150, "2025-09": 100}, periods) == Growth(
        "Natal/RN", 150, 100, 0.5, growth.lower_bound(150, 100)
    )
    assert growth.growth("Natal/RN", {"2026-09": 7}, periods) == Growth(
        "Natal/RN", 7, 0, None, None, "novo"
    )
    lacking = growth.periods(["2026-09", "2026-10"], 1, adjacent=False)
    assert growth.growth("Natal/RN", {"2026-09": 7}, lacking).situacao == "sem base"


def test_the_most_certain_growth_comes_first_and_few_openings_not_at_all() -> None:
    growths = [
        Growth("few", 4, 1, 3.0, -0.4),
        Growth("small", 150, 100, 0.5, 0.165),
        Growth("large", 1200, 1000, 0.2, 0.103),
        Growth("new", 30, 0, None, None, "novo"),
    ]
    assert [g.lugar for g in growth.ranked(growths)] == ["small", "large", "new"]


def test_months_are_counted_over_years() -> None:
    assert growth.shifted("2026-01", -1) == "2025-12"
    assert growth.shifted("2025-12", 1) == "2026-01"
    assert growth.between("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
