"""Quality as values: sums that know what is not known, months that are missing."""

from streaming.domain import quality
from streaming.domain.quality import Months, Rows


def test_sums_leave_out_what_is_not_known_of_a_file() -> None:
    known = Rows(10, 7, 2, 1, 3, 1, 1, 4, 5, 6, 7)
    assert Rows.total([known, Rows(5, 5), known]) == Rows(25, 19, 4, 2, 6, 2, 2, 8, 10, 12, 14)
    assert Rows.total([Rows(5, 5)]) == Rows(5, 5)
    assert Rows.total([]) == Rows()


def test_a_month_without_openings_between_others_is_missing() -> None:
    openings = {"2025-11": 3, "2026-03": 1, "2026-01": 2}
    assert Months.of(openings) == Months("2025-11", "2026-03", ["2025-12", "2026-02"])
    assert Months.of({"2026-01": 2}) == Months("2026-01", "2026-01", [])
    assert Months.of({}) == Months(None, None, [])


def test_reasons_are_added_up_the_most_frequent_first() -> None:
    sums = quality.summed([{"b": 1, "c": 2}, {"a": 1, "c": 1}])
    assert list(sums.items()) == [("c", 3), ("a", 1), ("b", 1)]
