"""What fails while files are read costs one file: the one that it cannot be read without."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from streaming.errors import EnvironmentRefused, RunFailed
from streaming.landing import quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.reading import companies, scan, worker
from streaming.reading.messages import Report, Retraction, Rules, Source, TaskResources, shortened
from tests.nasty import COLUMNS
from tests.sources import laid

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = b",".join(COLUMNS) + b"\n"
MARK = b"Vila do Erro"

Failing = Callable[[BaseException], None]


def row(number: int, cidade: bytes = b"Natal", opened: str = "2024-01-31") -> bytes:
    return f"{number:08}000100,{opened},".encode() + cidade + b",RN,10.00\n"


@pytest.fixture
def three(tmp_path: Path) -> list[Source]:
    """Files in one dialect; that in the middle has the MARK, and the last a row that does not fit."""
    contents = (
        HEADER + row(1),
        HEADER + row(2, MARK) + row(3, MARK, "ontem"),
        HEADER + row(4) + row(5, opened="ontem"),
    )
    return laid(tmp_path, contents)


def reports(sources: Sequence[Source], directory: Path) -> tuple[dict[int, Report], set[int]]:
    """Return the report of each file, and the files of which there is more than that."""
    results: dict[int, Report] = {}
    more = set()
    for batch in worker.summarise(list(sources), RULES, LocalFolder(directory), TaskResources()):
        for line in batch.to_pylist():
            if line["report"]:
                results[line["file"]] = Report(**json.loads(line["report"]))
            else:
                more.add(line["file"])
    return results, more


def marked(reading: companies.Reading) -> bool:
    return any(MARK in Path(path).read_bytes() for path in reading._paths)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Let every reading of the marked file fail, and its DuckDB with it."""

    def fail(error: BaseException) -> None:
        for name in ("summaries", "retraction", "fitting_rows"):
            read = getattr(companies.Reading, name)

            def read_or_fail(
                self: companies.Reading, *arguments: object, read: Callable[..., object] = read
            ) -> object:
                if marked(self):
                    self._connection.close()
                    raise error
                return read(self, *arguments)

            monkeypatch.setattr(companies.Reading, name, read_or_fail)

    return fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AssertionError(("a.csv", 1)), "AssertionError: ('a.csv', 1)"),
        (AssertionError(), "AssertionError"),
        (MemoryError(), "MemoryError"),
        (ValueError("one\ntwo"), "ValueError: one"),
        (RecursionError("x" * 9_999), "RecursionError: " + "x" * 500),
        (duckdb.FatalException("FATAL Error: invalidated"), "FatalException: FATAL Error: invalidated"),
        (
            duckdb.OutOfMemoryException("Out of Memory Error: y"),
            "OutOfMemoryException: Out of Memory Error: y",
        ),
    ],
)
def test_a_file_whose_reading_fails_is_reported_and_its_neighbours_are_read(
    three: list[Source], failing: Failing, tmp_path: Path, error: BaseException, reason: str
) -> None:
    failing(error)

    results, more = reports(three, tmp_path / "q")

    assert results == {
        0: Report("read", read=1, wrong_digits=1),
        1: Report("failed", reason=reason),
        2: Report("read", read=2, rejected=1, wrong_digits=1),
    }
    assert more == {0, 2}
    assert [line["file"] for line in quarantine.rows(LocalFolder(tmp_path / "q"))] == ["f2.csv"]


def test_a_file_that_fails_when_it_is_read_again_is_reported(
    three: list[Source], failing: Failing, tmp_path: Path
) -> None:
    failing(ValueError("again"))
    again = [replace(source, retraction=Retraction({}, {})) for source in three]

    results, _ = reports(again, tmp_path / "q")

    assert results == {
        0: Report("read"),
        1: Report("failed", reason="ValueError: again"),
        2: Report("read"),
    }


def test_a_file_that_fails_before_duckdb_sees_it_is_reported(
    three: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = scan._wide

    def wide_or_fail(chunk: bytes) -> bool:
        if MARK in chunk:
            raise OverflowError("too wide")
        return wide(chunk)

    monkeypatch.setattr(scan, "_wide", wide_or_fail)

    results, more = reports(three, tmp_path / "q")

    assert results[1] == Report("failed", reason="OverflowError: too wide")
    assert more == {0, 2}


def test_two_readings_that_disagree_fail_their_file_and_keep_its_quarantine(
    three: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected = companies.Reading.rejected

    def rejected_and_more(self: companies.Reading):  # type: ignore[no-untyped-def]
        yield from rejected(self)
        for number, path in enumerate(self._paths):
            if MARK in Path(path).read_bytes():
                yield number, "another", "row"

    monkeypatch.setattr(companies.Reading, "rejected", rejected_and_more)
    quarantine.write(LocalFolder(tmp_path / "q"), "f1.csv", [("as", "before")])

    results, more = reports(three, tmp_path / "q")

    assert str(results[1].reason).startswith(
        "Disagreement: 1 rejected rows were counted, then 2 were read"
    )
    assert (results[0].outcome, results[2].outcome, more) == ("read", "read", {0, 2})
    assert [(r["file"], r["raw"]) for r in quarantine.rows(LocalFolder(tmp_path / "q"))] == [
        ("f1.csv", "before"),
        ("f2.csv", "00000005000100,ontem,Natal,RN,10.00"),
    ]


def test_a_quarantine_that_cannot_be_written_is_no_fault_of_a_file(
    three: list[Source], tmp_path: Path
) -> None:
    (tmp_path / "q").write_text("a file")

    with pytest.raises(EnvironmentRefused, match="cannot be written"):
        reports(three, tmp_path / "q")


def test_an_audit_names_the_file_whose_reading_fails(three: list[Source], failing: Failing) -> None:
    failing(ValueError("no"))

    with pytest.raises(RunFailed, match=r"^f1\.csv: ValueError: no$"):
        list(worker.fitting_rows(three, [RULES] * 3, TaskResources()))
    assert sum(map(len, worker.fitting_rows([three[0]], [RULES], TaskResources()))) == 1


def test_of_many_ignored_columns_a_log_line_names_the_first(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(900)]

    assert shortened(names) == [*names[:10], "… and 890 more"]
    assert shortened(names[:10]) == names[:10]
    assert shortened(["x" * 1_000]) == ["x" * 60 + "…"]
