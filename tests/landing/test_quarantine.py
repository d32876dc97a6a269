"""Rejected rows: kept whole, found again, replaced by the next reading."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused
from streaming.landing import copies, quarantine
from streaming.landing.local_folder import LocalFolder

ROWS = [("cnpj: missing", ",2024-01-31,São Paulo,SP,1"), ("estado: missing", 'x,"a\nb",,')]


def as_told(file: str, rows: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"file": file, "reason": reason, "raw": raw} for reason, raw in rows]


def test_rejected_rows_come_back_in_order_with_file_and_reason(tmp_path: Path) -> None:
    written = quarantine.write(LocalFolder(tmp_path / "new" / "q"), "x.csv", iter(ROWS))

    assert written == 2
    assert list(quarantine.rows(LocalFolder(tmp_path / "new" / "q"), "x.csv")) == as_told("x.csv", ROWS)


def test_a_person_can_read_them_one_json_document_a_line(tmp_path: Path) -> None:
    quarantine.write(LocalFolder(tmp_path), "x.csv", ROWS)

    assert [p.name for p in tmp_path.iterdir()] == ["x.csv.jsonl"]
    text = (tmp_path / "x.csv.jsonl").read_text("utf-8")
    assert [json.loads(line) for line in text.splitlines()] == as_told("x.csv", ROWS)
    assert "São Paulo" in text


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), min_size=1, max_size=5))
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    directory = tmp_path_factory.mktemp("q")
    assert quarantine.write(LocalFolder(directory), "x.csv", rows) == len(rows)

    assert list(quarantine.rows(LocalFolder(directory))) == as_told("x.csv", rows)


def test_the_latest_reading_replaces_the_one_before(tmp_path: Path) -> None:
    quarantine.write(LocalFolder(tmp_path), "x.csv", ROWS)
    quarantine.write(LocalFolder(tmp_path), "y.csv", ROWS)

    quarantine.write(LocalFolder(tmp_path), "x.csv", ROWS[1:])
    assert list(quarantine.rows(LocalFolder(tmp_path))) == as_told("x.csv", ROWS[1:]) + as_told(
        "y.csv", ROWS
    )

    assert quarantine.write(LocalFolder(tmp_path), "x.csv", []) == 0
    assert list(quarantine.rows(LocalFolder(tmp_path))) == as_told("y.csv", ROWS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["y.csv.jsonl"]


def test_no_rows_of_a_file_that_never_had_any_leave_no_file(tmp_path: Path) -> None:
    assert quarantine.write(LocalFolder(tmp_path), "x.csv", []) == 0
    assert list(tmp_path.iterdir()) == []
    assert list(quarantine.rows(LocalFolder(tmp_path), "x.csv")) == []
    assert list(quarantine.rows(LocalFolder(tmp_path / "never"))) == []


def test_a_reading_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, str]]:
        yield ROWS[1]
        raise RuntimeError("reader")

    quarantine.write(LocalFolder(tmp_path), "x.csv", ROWS)
    with pytest.raises(RuntimeError, match="reader"):
        quarantine.write(LocalFolder(tmp_path), "x.csv", broken())

    assert list(quarantine.rows(LocalFolder(tmp_path))) == as_told("x.csv", ROWS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.csv.jsonl"]


def test_all_files_are_told_in_order_of_their_names_and_half_written_ones_are_not(
    tmp_path: Path,
) -> None:
    for file in ("b.csv", "a.csv", "c.csv.gz"):
        quarantine.write(LocalFolder(tmp_path), file, ROWS[:1])
    (tmp_path / ".half.jsonl").write_text("{")
    (tmp_path / "notes.txt").write_text("mine")

    assert [row["file"] for row in quarantine.rows(LocalFolder(tmp_path))] == [
        "a.csv",
        "b.csv",
        "c.csv.gz",
    ]


@pytest.mark.parametrize("letter", ["x", "é", "🏙"])
def test_files_of_the_longest_names_are_kept_apart(tmp_path: Path, letter: str) -> None:
    stem = letter * ((255 - len("1.csv")) // len(letter.encode()))
    first, second = f"{stem}1.csv", f"{stem}2.csv"
    quarantine.write(LocalFolder(tmp_path), first, ROWS[:1])
    quarantine.write(LocalFolder(tmp_path), second, ROWS[1:])

    assert list(quarantine.rows(LocalFolder(tmp_path), first)) == as_told(first, ROWS[:1])
    assert list(quarantine.rows(LocalFolder(tmp_path), second)) == as_told(second, ROWS[1:])
    assert len(list(quarantine.rows(LocalFolder(tmp_path)))) == 2


def test_a_file_whose_name_is_no_utf8_is_kept_and_found(tmp_path: Path) -> None:
    name = b"\xe3.csv".decode(errors="surrogateescape")

    assert quarantine.write(LocalFolder(tmp_path), name, ROWS) == 2
    rows = list(quarantine.rows(LocalFolder(tmp_path), name))
    assert [(row["reason"], row["raw"]) for row in rows] == ROWS
    assert rows == list(quarantine.rows(LocalFolder(tmp_path)))


@pytest.mark.parametrize("name", ["[a].csv", "*.csv", "a b.csv", "ã.csv", "-x.csv", "x.csv.jsonl.csv"])
def test_names_mean_nothing_but_themselves(tmp_path: Path, name: str) -> None:
    quarantine.write(LocalFolder(tmp_path), "a.csv", ROWS[:1])
    quarantine.write(LocalFolder(tmp_path), name, ROWS[1:])

    assert list(quarantine.rows(LocalFolder(tmp_path), name)) == as_told(name, ROWS[1:])
    assert len(list(quarantine.rows(LocalFolder(tmp_path)))) == 2


def test_a_quarantine_that_can_not_be_written_says_so_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "q").write_text("a file in its place")

    with pytest.raises(
        EnvironmentRefused, match=r"nothing was counted: make it writable or set QUARANTINE"
    ):
        quarantine.write(LocalFolder(tmp_path / "q"), "x.csv", ROWS)


def test_rows_go_with_a_file_to_its_new_name_and_are_found_under_the_old_one(tmp_path: Path) -> None:
    archived = "_archive/2026-11/a.csv"
    quarantine.write(LocalFolder(tmp_path), "a.csv", [("first", "1"), ("second", "2")])
    quarantine.rename(LocalFolder(tmp_path), {"a.csv": archived})
    quarantine.write(LocalFolder(tmp_path), "a.csv", [("third", "3")])
    quarantine.rename(LocalFolder(tmp_path), {"never.csv": "_archive/2026-11/never.csv"})

    assert [(r["file"], r["raw"]) for r in quarantine.rows(LocalFolder(tmp_path))] == [
        (archived, "1"),
        (archived, "2"),
        ("a.csv", "3"),
    ]
    assert [r["raw"] for r in quarantine.rows(LocalFolder(tmp_path), "a.csv")] == ["1", "2", "3"]
    assert [r["raw"] for r in quarantine.rows(LocalFolder(tmp_path), archived)] == ["1", "2"]
    quarantine.rename(LocalFolder(tmp_path), {"a.csv": "_archive/2026-11/a~0.csv"})
    assert [r["raw"] for r in quarantine.rows(LocalFolder(tmp_path), archived)] == ["1", "2"]


def test_rows_of_a_copy_in_a_bucket_are_found_under_the_old_name(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    landed = File(1_795_698_805 * copies.SECOND, "ação 1.csv.gz", 7, "tag")
    copy = copies.own_name(landed)
    quarantine.write(folder, landed.path, [("first", "1")])
    quarantine.rename(folder, {landed.path: copy})
    quarantine.write(folder, copies.own_name(File(0, "1.csv.gz", 7, "tag")), [("of another", "2")])

    expected = [{"file": copy, "reason": "first", "raw": "1"}]
    assert list(quarantine.rows(folder, landed.path)) == expected


def test_files_of_others_in_the_same_folder_are_not_shown_and_stay(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    long = "é" * 120 + ".csv.gz"
    for file in ("a.csv", "_archive/2026-11/b.CSV.GZ", long):
        quarantine.write(folder, file, [("reason", "raw")])
    (tmp_path / "theirs").mkdir()
    others = ["events.jsonl", "theirs/a-0123456789ab.jsonl"]
    for name in others:
        (tmp_path / name).write_text("{}\n")

    assert len(list(quarantine.rows(folder))) == 3
    quarantine.keep(folder, ["a.csv"])

    assert folder.names() == sorted(["a.csv.jsonl", *others])


def test_only_the_rows_of_files_that_are_kept_stay(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "_archive/2026-11/a.csv"):
        quarantine.write(LocalFolder(tmp_path), name, [("no", name)])
    quarantine.keep(LocalFolder(tmp_path), ["b.csv", "c.csv"])
    assert [r["file"] for r in quarantine.rows(LocalFolder(tmp_path))] == ["b.csv"]


@pytest.mark.parametrize("content", ["x\n", "{}\n", "[]\n", '{"file": "a.csv", "rea'])
def test_a_line_that_is_no_rejected_row_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv.jsonl").write_text(content)

    with pytest.raises(EnvironmentRefused, match="line 1 is not a rejected row"):
        list(quarantine.rows(LocalFolder(tmp_path)))
    failed = quarantine.rename(LocalFolder(tmp_path), {"a.csv": "_archive/2026-11/a.csv"})
    assert {file: error.strerror for file, error in failed.items()} == {
        "a.csv": "line 1 is not a rejected row"
    }


def test_where_nothing_is_rejected_a_quarantine_that_cannot_be_written_stops_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")

    assert quarantine.write(LocalFolder(tmp_path / "file"), "a.csv", []) == 0
    with pytest.raises(EnvironmentRefused, match="cannot be written"):
        quarantine.write(LocalFolder(tmp_path / "file"), "a.csv", [("reason", "raw")])
