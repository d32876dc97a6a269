"""What the journal writes and measures of files and batches."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.domain.results import Outcome
from streaming.metrics.instruments import PREFIX, REGISTRY
from streaming.pipeline.journal import Journal, Moments
from streaming.reading.messages import Report

BEGUN, READ, COMMITTED = 100.0, 103.0, 103.5
MOMENTS = Moments(BEGUN, READ, COMMITTED)
A, B = File(1_000, "a.csv", 10), File(2_000, "b.csv", 20)
COUNTED = Record(10, 1_000, 7, 4, 2, 1, "ingested", 3, "2026-11-26T00:00:00+00:00")
REFUSED = Record(20, 2_000, 0, 0, 0, 0, "rejected", 3, "2026-11-26T00:00:00+00:00", reason="no header")
COMMIT = Commit(2, COUNTED.at, {}, {}, {"a.csv": COUNTED, "b.csv": REFUSED}, id="0123456789abcdef")
REPORTS = {"a.csv": Report("read", 7, 1), "b.csv": Report("rejected", reason="no header")}


def sample(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(PREFIX + name, labels)
    assert value is not None, name
    return value


class Grown:
    """How much samples have grown since this was made."""

    def __init__(self) -> None:
        self._before = self._all()

    def _all(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        families = text_string_to_metric_families(generate_latest(REGISTRY).decode())
        return {
            (s.name.removeprefix(PREFIX), tuple(s.labels.items())): s.value
            for family in families
            for s in family.samples
            if not s.name.endswith("_bucket")
        }

    def __call__(self) -> dict[str, float]:
        return {
            " ".join([name, *(value for _, value in labels)]): round(
                value - self._before[name, labels], 6
            )
            for (name, labels), value in self._all().items()
            if value != self._before[name, labels]
        }


@pytest.fixture
def grown() -> Grown:
    return Grown()


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def test_a_commit_has_a_line_for_each_file_and_one_for_the_batch(logs: list[Any]) -> None:
    journal = Journal()
    journal.discovered([A], 90.0)
    journal.committed(COMMIT, 3, REPORTS, MOMENTS)

    action = "correct or delete the file; it is read again when it changes"
    file = {"batch": "01234567", "version": 3}
    assert logs == [
        {
            **file,
            "log_level": "warning",
            "event": "file ingested",
            "file": "a.csv",
            **{"read": 7, "new": 4, "duplicates": 2, "rejected": 1, "seconds": 13.5},
        },
        {
            **file,
            "log_level": "warning",
            "event": "file rejected",
            "file": "b.csv",
            **{"read": 0, "new": 0, "duplicates": 0, "rejected": 0, "seconds": 3.5},
            **{"reason": "no header", "action": action},
        },
        {
            **file,
            "log_level": "info",
            "event": "batch committed",
            **{"files": 2, "files_rejected": 1},
            **{"read": 7, "new": 4, "duplicates": 2, "rejected": 1, "seconds": 3.5},
        },
    ]


def test_a_commit_counts_files_and_rows_and_measures_every_stage(grown: Grown) -> None:
    journal = Journal()
    journal.discovered([A], 90.0)
    journal.committed(COMMIT, 3, REPORTS, MOMENTS)
    journal.archived(0, COMMITTED)

    assert grown() == {
        "files_total ingested": 1,
        "files_total rejected": 1,
        "rows_total new": 4,
        "rows_total duplicates": 2,
        "rows_total rejected": 1,
        "file_stage_seconds_count waiting": 2,
        "file_stage_seconds_sum waiting": 10,
        "file_stage_seconds_count reading": 2,
        "file_stage_seconds_sum reading": 6,
        "file_stage_seconds_count committing": 2,
        "file_stage_seconds_sum committing": 1,
        "batch_duration_seconds_count": 1,
        "batch_duration_seconds_sum": 3.5,
        "discover_to_readable_seconds_count": 2,
        "discover_to_readable_seconds_sum": 17,
    }


def test_a_file_that_fails_is_counted_and_its_line_says_what_to_do(
    grown: Grown, logs: list[Any]
) -> None:
    Journal().failed(Outcome("a.csv", 0, 0, 0, 0, "unreadable", "Permission denied"))
    assert grown() == {"files_total unreadable": 1}
    assert logs == [
        {
            "log_level": "error",
            "event": "file cannot be read now",
            "file": "a.csv",
            "reason": "Permission denied",
            "action": "make the file readable; it is tried again",
        }
    ]


def test_a_file_is_known_from_its_first_sight_until_it_changes(grown: Grown) -> None:
    journal = Journal()
    journal.discovered([A, File(9, "b.csv", 9)], 80.0)
    journal.discovered([A], 85.0)
    journal.listed([A, B], 90.0)
    journal.committed(COMMIT, 3, REPORTS, MOMENTS)
    assert grown()["file_stage_seconds_sum waiting"] == (BEGUN - 80) + (BEGUN - 90)


def test_a_listing_forgets_what_is_gone_and_keeps_what_came_after_it(grown: Grown) -> None:
    journal = Journal()
    journal.discovered([A], 80.0)
    journal.discovered([B], 95.0)
    journal.listed([], 90.0)  # it began before b.csv was discovered
    journal.committed(COMMIT, 3, REPORTS, MOMENTS)
    assert grown()["file_stage_seconds_sum waiting"] == BEGUN - 95


def test_a_commit_whose_reply_was_lost_counts_its_files_too(grown: Grown, logs: list[Any]) -> None:
    Journal().recovered({"a.csv": COUNTED})
    assert {
        name: value for name, value in grown().items() if name.endswith(("total ingested", "new"))
    } == {
        "files_total ingested": 1,
        "rows_total new": 4,
    }
    assert [(line["event"], line["file"], line["new"]) for line in logs] == [
        ("file ingested", "a.csv", 4)
    ]


def test_the_journal_of_a_file_costs_less_than_a_millisecond() -> None:
    journal = Journal()
    begun = time.perf_counter()
    for _ in range(100):
        journal.discovered([A, B], 90.0)
        journal._measure(A, MOMENTS)
        journal._measure(B, MOMENTS)
    assert time.perf_counter() - begun < 0.1 * 2
