"""What Redis holds, held against itself."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from streaming import readback
from streaming.store import Features, Record

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, AFTER = "2026-11-24T11:59:59.999999+00:00", "2026-11-24T12:00:00+00:00"


def feature(key: str, total: str, companies: int, mean: str, at: str = AFTER) -> Features:
    cidade, _, estado = key.partition("/")
    return Features(key, cidade, estado or None, Decimal(total), companies, Decimal(mean), at)


def record(read: int, new: int, duplicates: int, rejected: int, at: str = AFTER) -> Record:
    return Record(1, 1, read, new, duplicates, rejected, "ingested", 1, at)


RIGHT = {
    "Bom Jesus": feature("Bom Jesus", "30.01", 3, "10.00"),
    "Bom Jesus/PI": feature("Bom Jesus/PI", "10.00", 1, "10.00"),
    "Bom Jesus/RS": feature("Bom Jesus/RS", "20.01", 2, "10.01", BEFORE),
    "Natal": feature("Natal", "5.00", 1, "5.00", BEFORE),
    "Natal/RN": feature("Natal/RN", "5.00", 1, "5.00", BEFORE),
}


def test_what_fits_has_no_differences() -> None:
    assert readback.differences(RIGHT.values(), START, 1) == []


def test_nothing_new_needs_no_features() -> None:
    assert readback.differences([], START, 0) == []


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        (
            "Bom Jesus/PI",
            {"capital_social_medio": Decimal("9.99")},
            "capital_social_medio is not the mean",
        ),
        ("Bom Jesus/PI", {"quantidade_empresas": 0}, "capital_social_medio is not the mean"),
        (
            "Bom Jesus/RS",
            {"capital_social_total": Decimal("20.00")},
            "Bom Jesus: capital_social_total is not that of its municipalities",
        ),
        (
            "Bom Jesus/RS",
            {"quantidade_empresas": 1},
            "Bom Jesus: quantidade_empresas is not that of its municipalities",
        ),
    ],
)
def test_what_does_not_fit_is_named(key: str, change: dict[str, object], said: str) -> None:
    wrong = {**RIGHT, key: replace(RIGHT[key], **change)}  # type: ignore[arg-type]
    assert any(said in line for line in readback.differences(wrong.values(), START, 1))


@pytest.mark.parametrize("missing", ["Bom Jesus", "Bom Jesus/PI"])
def test_new_companies_have_to_be_among_the_features_that_changed(missing: str) -> None:
    left = [f for key, f in RIGHT.items() if key != missing]
    assert any("companies are new, but" in line for line in readback.differences(left, START, 1))


def test_features_that_did_not_change_since_then_do_not_count() -> None:
    assert readback.differences([RIGHT["Natal"], RIGHT["Natal/RN"]], START, 1) == [
        "1 companies are new, but the cities changed since then have 0",
        "1 companies are new, but the municipalities changed since then have 0",
    ]


def test_records_since_an_instant_are_those_committed_at_it_or_later() -> None:
    records = {
        "b.csv": record(1, 1, 0, 0),
        "a.csv": record(1, 1, 0, 0),
        "c.csv": record(1, 1, 0, 0, BEFORE),
    }
    assert list(readback.since(records, START)) == ["a.csv", "b.csv"]


def test_a_row_that_went_missing_is_told() -> None:
    records = {"a.csv": record(6, 3, 2, 1), "b.csv": record(6, 3, 2, 0)}
    assert readback.unconserved(records) == ["b.csv: read 6 is not new 3 + duplicates 2 + rejected 0"]
