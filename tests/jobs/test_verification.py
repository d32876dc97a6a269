"""What became of one run's files, decided without Airflow."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from streaming.domain.features import Features
from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.domain.results import Outcome, Verification
from streaming.jobs import verify
from streaming.pipeline.homes import archive_paths

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, AFTER = "2026-11-24T11:59:59.999999+00:00", "2026-11-24T12:00:00+00:00"


def record(at: str = AFTER, **values: Any) -> Record:
    accounting = {"read": 4, "new": 0, "duplicates": 3, "rejected": 1, "state": "ingested"}
    return Record(**{"size": 1, "mtime": 1, "version": 1, "at": at, **accounting, **values})


def rejected(reason: str, at: str = AFTER) -> Record:
    return record(at, read=0, duplicates=0, rejected=0, state="rejected", reason=reason)


def outcome(file: str, state: str) -> Outcome:
    return Outcome(file, 0, 0, 0, 0, state, f"it is {state}")


def verification(
    records: Mapping[str, Record],
    dropped: str | None = None,
    *uncounted: Outcome,
    features: tuple[Features, ...] = (),
) -> Verification:
    return verify.verify(records, features, (7, "cafe"), START, dropped, uncounted)


def test_a_run_is_accounted_for_by_the_files_committed_since_its_start() -> None:
    records = {"old.csv": record(BEFORE), "b.csv": record(), "a.csv": record(read=2, duplicates=1)}

    result = verification(records)

    assert result.totals == {"read": 6, "new": 0, "duplicates": 4, "rejected": 2}
    assert list(result.files.items()) == [("a.csv", records["a.csv"]), ("b.csv", records["b.csv"])]
    assert (result.version, result.wrong, result.not_counted) == (7, [], [])


def test_a_file_whose_rows_are_not_conserved_is_wrong() -> None:
    assert verification({"a.csv": record(read=5), "old.csv": record(BEFORE, read=5)}).wrong == [
        "a.csv: read 5 is not new 0 + duplicates 3 + rejected 1"
    ]


def test_features_that_lack_companies_of_the_records_are_wrong() -> None:
    assert verification({"a.csv": record(new=3, duplicates=0)}).wrong == [
        "the files brought 3 companies, but the cities have 0",
        "the files brought 3 companies, but the municipalities have 0",
        "the files brought 3 companies, but the states have 0",
        "the files brought 3 companies, but the countries have 0",
    ]


def test_the_features_that_changed_last_come_first_and_the_largest_of_them() -> None:
    values = [
        ("A", 1, BEFORE),
        ("B", 1, AFTER),
        ("C", 2, AFTER),
        *((f"D{n}", 0, BEFORE) for n in range(30)),
    ]
    features = tuple(Features(k, k, None, Decimal(c), 1, Decimal(c), at) for k, c, at in values)

    keys = [f.key for f in verification({}, features=features).latest]

    assert keys[:3] == ["C", "B", "A"]
    assert len(keys) == 20


def test_files_that_a_person_has_to_mend_are_named_and_waiting_ones_are_not() -> None:
    records = {"a.csv": rejected("it is empty"), "old.csv": rejected("it is old", BEFORE)}
    uncounted = [outcome(f"{state}.csv", state) for state in ("failed", "unreadable", "waiting")]

    assert verification(records, None, *uncounted).not_counted == [
        "a.csv: it is empty",
        "failed.csv: it is failed",
        "unreadable.csv: it is unreadable",
    ]


def test_a_dropped_file_that_an_earlier_run_read_is_read_before_not_missing() -> None:
    records = {"a.csv": record(BEFORE)}

    result = verification(records, "a.csv")

    assert (result.read_before, result.missing, result.not_counted) == (records, None, [])
    assert (result.files, result.totals["read"]) == ({}, 0)


def test_a_dropped_file_that_an_earlier_run_rejected_is_as_bad_as_before() -> None:
    assert verification({"a.csv": rejected("it is empty", BEFORE)}, "a.csv").not_counted == [
        "a.csv: it is empty"
    ]


def test_a_dropped_file_of_this_run_was_not_read_before() -> None:
    result = verification({"a.csv": record()}, "a.csv")

    assert (result.read_before, result.missing) == ({}, None)


def test_a_dropped_file_without_a_record_is_missing() -> None:
    assert verification({"b.csv": record()}, "a.csv").missing == "a.csv"


def test_a_run_without_a_dropped_file_misses_none() -> None:
    assert verification({}).missing is None


@pytest.mark.parametrize("number", [0, 1])
def test_a_dropped_file_that_was_archived_since_is_found_by_its_name(number: int) -> None:
    archived = archive_paths(File(1, "a.csv", 1))[number]
    records = {archived: record(), "b.csv": record()}

    result = verification(records, "a.csv")

    assert (result.missing, result.read_before) == (None, {})


def test_of_two_records_of_a_dropped_name_the_later_counts() -> None:
    archived = archive_paths(File(1, "a.csv", 1))[0]
    records = {archived: rejected("it was empty", BEFORE), "a.csv": record(BEFORE, version=2)}

    assert verification(records, "a.csv").read_before == {"a.csv": records["a.csv"]}


def test_the_accounting_has_every_field_of_the_records_and_names_a_hundred_files() -> None:
    records = {f"{n:03}.csv": record() for n in range(120)}

    accounting = verify.accounting(verification(records))

    files = accounting.pop("files")
    assert files == [{"file": f"{n:03}.csv", **asdict(record())} for n in range(100)]
    assert accounting == {"read": 480, "new": 0, "duplicates": 360, "rejected": 120, "version": 7}


def test_a_run_is_refused_for_files_that_a_person_has_to_mend_and_for_a_missing_one() -> None:
    bad = verification({"a.csv": rejected("it is empty")}, "b.csv")

    assert str(verify.refusal(bad)).startswith("not counted: a.csv: it is empty (1 in all; ")
    assert verify.refusal(verification({}, "b.csv")) == "b.csv was dropped, but has no record in Redis"
    assert verify.refusal(verification({"b.csv": record()}, "b.csv")) is None
