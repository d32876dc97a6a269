"""What Redis holds, held against itself."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from streaming.domain import catalogue
from streaming.domain.features import Features
from streaming.domain.records import Record
from streaming.jobs import verify

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, AFTER = "2026-11-24T11:59:59.999999+00:00", "2026-11-24T12:00:00+00:00"


def feature(key: str, total: str, companies: int, mean: str, at: str = AFTER) -> Features:
    group = catalogue.group_of(key)
    assert group is not None
    place = group.parse(key) or {}
    cidade, estado = place.get("cidade"), place.get("estado")
    return Features(key, cidade, estado, Decimal(total), companies, Decimal(mean), at)


def record(read: int, new: int, duplicates: int, rejected: int, at: str = AFTER) -> Record:
    return Record(1, 1, read, new, duplicates, rejected, "ingested", 1, at)


RIGHT = {
    "Bom Jesus": feature("Bom Jesus", "30.01", 3, "10.00"),
    "Bom Jesus/PI": feature("Bom Jesus/PI", "10.00", 1, "10.00"),
    "Bom Jesus/RS": feature("Bom Jesus/RS", "20.01", 2, "10.01", BEFORE),
    "Natal": feature("Natal", "5.00", 1, "5.00", BEFORE),
    "Natal/RN": feature("Natal/RN", "5.00", 1, "5.00", BEFORE),
    "estado:PI": feature("estado:PI", "10.00", 1, "10.00"),
    "estado:RN": feature("estado:RN", "5.00", 1, "5.00", BEFORE),
    "estado:RS": feature("estado:RS", "20.01", 2, "10.01", BEFORE),
    "pais:BR": feature("pais:BR", "35.01", 4, "8.75"),
}


RECORDS = {"a.csv": record(4, 3, 1, 0, BEFORE), "b.csv": record(2, 1, 0, 1)}


def test_what_fits_has_no_differences() -> None:
    assert verify.differences(RIGHT.values(), RECORDS, START) == []


def test_nothing_new_needs_no_features() -> None:
    assert verify.differences([], {}, START) == []


@pytest.mark.parametrize(
    ("key", "change", "message"),
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
        (
            "estado:RS",
            {"quantidade_empresas": 1},
            "pais:BR: quantidade_empresas is not that of its states",
        ),
        (
            "Natal",
            {"capital_social_total": Decimal("5.01")},
            "pais:BR: capital_social_total is not that of its cities",
        ),
    ],
)
def test_what_does_not_fit_is_named(key: str, change: dict[str, object], message: str) -> None:
    wrong = {**RIGHT, key: replace(RIGHT[key], **change)}  # type: ignore[arg-type]
    assert any(message in line for line in verify.differences(wrong.values(), RECORDS, START))


@pytest.mark.parametrize("lost", RIGHT)
def test_all_companies_that_files_brought_have_to_be_in_the_features(lost: str) -> None:
    remaining = [feature for key, feature in RIGHT.items() if key != lost]
    group = catalogue.group_of(lost)
    assert group is not None
    companies = 4 - RIGHT[lost].quantidade_empresas
    wrong = verify.differences(remaining, RECORDS, START)
    assert f"the files brought 4 companies, but the {group.name} have {companies}" in wrong


def test_more_companies_than_the_records_tell_of_are_those_of_overwritten_files() -> None:
    assert verify.differences(RIGHT.values(), {"a.csv": RECORDS["a.csv"]}, START) == []


def test_records_since_an_instant_are_those_committed_at_it_or_later() -> None:
    records = {
        "b.csv": record(1, 1, 0, 0),
        "a.csv": record(1, 1, 0, 0),
        "c.csv": record(1, 1, 0, 0, BEFORE),
    }
    assert list(verify.since(records, START)) == ["a.csv", "b.csv"]


def test_a_row_that_went_missing_is_told() -> None:
    records = {"a.csv": record(6, 3, 2, 1), "b.csv": record(6, 3, 2, 0)}
    assert verify.unconserved(records) == ["b.csv: read 6 is not new 3 + duplicates 2 + rejected 0"]


def test_a_commit_since_the_last_announcement_is_news() -> None:
    result = verify.verify(RECORDS, list(RIGHT.values()), (2, "cafe"), START, None, [])
    news = {
        "version": 2,
        "commit": "cafe",
        "read": 2,
        "new": 1,
        "duplicates": 0,
        "rejected": 1,
        "files": 1,
    }
    assert verify.news(result, {}) == news
    assert verify.news(result, {"version": 2, "commit": "beef"}) == news
    assert verify.news(result, news) is None


def test_an_empty_redis_is_no_news() -> None:
    result = verify.verify({}, [], (0, ""), START, None, [])
    assert verify.news(result, {}) is None
