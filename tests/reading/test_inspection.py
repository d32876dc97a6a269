"""Reading one file again to tell how good its data is."""

import os
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from streaming.domain.capitals import EVERY, Capital
from streaming.domain.file import File
from streaming.domain.quality import Inspection
from streaming.landing import local
from streaming.landing.directory import Directory
from streaming.reading import dialect, engine, inspection
from streaming.reading.inspection import Inspector, NotRead
from streaming.reading.judging import Judged, Judging
from streaming.reading.messages import Rules, TaskResources
from tests.reading.files import HEADER

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def inspected(
    directory: Path,
    content: str,
    *,
    name: str = "x.csv",
    most: int = 3,
    above: Decimal = EVERY,
    **rules: object,
) -> Inspection:
    (directory / name).write_bytes(content.encode())
    file = local.stat_file(directory, name)
    assert file is not None
    how = Rules(NOW, **rules)  # type: ignore[arg-type]
    result = Inspector(Directory(directory), TaskResources()).inspect([file], how, most, above)[name]
    assert isinstance(result, Inspection), result
    return result


ROWS = (
    "11222333000181,2024-01-31,Natal,RN,5.00\n"
    "11222333000181,2024-01-31,Natal,RN,6.00\n"  # again
    "11222333000199,2024-01-31,Natal,RN,7.00\n"  # and again, with wrong check digits
    "22.333.444/0001-81,2024-01-31,são paulo,SP,2000000000.00\n"
    "33444555000181,2024-01-31,Xanadu,RN,999999999999.00\n"
    "44555666000181,2024-01-31,Macei├│,AL,999999999999.01\n"
    "x,2024-01-31,Natal,RN,9.00\n"
    "y,2024-01-31,Natal,RN,9.00\n"
    "55666777000181,2024-01-31,Natal,XX,9.00\n"
    "66777888000181,2024-01-31,Natal\n"
    "77888999000181,2024-01-31,Natal,RN,-1\n"
)


def test_a_file_is_told_whole(tmp_path: Path) -> None:
    assert inspected(tmp_path, HEADER + ROWS) == Inspection(
        read=11,
        rejected={
            "cnpj: malformed": 2,
            "estado: not one of the 27": 1,
            "row: wrong number of columns": 1,
            "capital_social: negative": 1,
        },
        companies=4,
        wrong_digits=1,
        unrecognised=2,
        mangled=1,
        mangled_example="Macei├│",
        not_informed=1,
        huge=2,
        marked=[Capital(Decimal("999999999999.00"), "33444555000181", "Xanadu/RN")],
        largest=[
            Capital(Decimal("999999999999.01"), "44555666000181", "Macei├│/AL"),
            Capital(Decimal("2000000000.00"), "22.333.444/0001-81", "São Paulo/SP"),
            Capital(Decimal("7.00"), "11222333000199", "Natal/RN"),
        ],
    )


def test_only_capitals_above_what_is_asked_for_are_returned(tmp_path: Path) -> None:
    result = inspected(tmp_path, HEADER + ROWS, above=Decimal("6.00"), most=10)
    assert [row.reais for row in result.largest] == [
        Decimal("999999999999.01"),
        Decimal("2000000000.00"),
        Decimal("7.00"),
    ]


def test_rows_are_judged_by_the_rules_that_are_given(tmp_path: Path) -> None:
    strict = inspected(tmp_path, HEADER + ROWS, strict=True, municipios="strict")
    assert strict.rejected == {
        "cnpj: malformed": 2,
        "cnpj: wrong check digits": 1,
        "cidade: not a municipality of AL": 1,
        "cidade: not a municipality of RN": 1,
        "estado: not one of the 27": 1,
        "row: wrong number of columns": 1,
        "capital_social: negative": 1,
    }
    assert (strict.read, strict.fitting, strict.companies, strict.repeats) == (11, 3, 2, 1)


def test_a_file_of_rejected_rows_or_none_has_no_capitals(tmp_path: Path) -> None:
    nothing = Inspection(1, {"cnpj: malformed": 1}, 0, 0, 0, 0, None, 0, 0, [], [])
    assert inspected(tmp_path, f"{HEADER}x,2024-01-31,Natal,RN,9.00\n") == nothing
    assert inspected(tmp_path, HEADER) == Inspection(0, {}, 0, 0, 0, 0, None, 0, 0, [], [])


GONE = "gone, or changed while it was read"


def landed(directory: Path, contents: dict[str, str]) -> list[File]:
    """Write files, and return them as they are listed."""
    for name, content in contents.items():
        (directory / name).write_bytes(content.encode())
    return local.listing(directory)


def test_small_files_are_told_apart_and_one_that_fails_costs_no_other(tmp_path: Path) -> None:
    """Each shows what it shows alone: other dialects, open quotes, line breaks, no CSV at all."""
    semicolons = HEADER.replace(",", ";")
    contents = {
        "a.csv": HEADER + ROWS,
        "b.csv": HEADER + '11222333000181,2024-01-31,"Natal\nx",RN,5.00\n' + ROWS,
        "c.csv": semicolons + "11222333000181;2024-01-31;Natal;RN;5,00\n",
        "d.csv": HEADER + ROWS + '11222333000181,2024-01-31,"Natal,RN,5.00\n',
        "e.csv": HEADER,
        "f.csv": HEADER + "x,2024-01-31,Natal,RN,9.00\n" + ROWS,
        "g.csv": "no such thing\n",
    }
    files = landed(tmp_path, contents)
    inspector, rules = Inspector(Directory(tmp_path), TaskResources()), Rules(NOW)
    alone = {}
    for file in files:
        alone |= inspector.inspect([file], rules, 3, EVERY)
    assert [name for name, result in alone.items() if isinstance(result, NotRead)] == ["g.csv"]
    assert {r.read for r in alone.values() if isinstance(r, Inspection)} == {0, 1, 11, 12}
    [batch] = inspection.batches(files)
    assert inspector.inspect(batch, rules, 3, EVERY) == alone


def test_a_file_whose_reading_fails_is_named_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {f"{name}.csv": HEADER + ROWS[name:] for name in (0, 41, 82, 123)}
    files = landed(tmp_path, contents)
    inspector, rules = Inspector(Directory(tmp_path), TaskResources()), Rules(NOW)
    expected = inspector.inspect(files, rules, 3, EVERY)
    judged = Judging.judged

    def failing(reading: Judging, most: int, above: Decimal) -> list[Judged]:
        if any(Path(path).samefile(tmp_path / "82.csv") for path in reading._paths):
            raise MemoryError("no more")
        return judged(reading, most, above)

    monkeypatch.setattr(Judging, "judged", failing)
    results = inspector.inspect(files, rules, 3, EVERY)
    assert results == expected | {"82.csv": NotRead("MemoryError: no more")}


def test_rows_that_cannot_be_split_are_those_of_the_file_alone(tmp_path: Path) -> None:
    landed(tmp_path, {"a.csv": HEADER + "a\n", "b.csv": HEADER + "\nb\nc\n"})
    reasons = []
    for name in ("a.csv", "b.csv", "a.csv"):
        with (tmp_path / name).open("rb") as file, dialect.plain(file.fileno(), gzipped=False) as plain:
            path, written = plain
            with closing(
                Judging(engine.connection(TaskResources()), [path], written, Rules(NOW))
            ) as reading:
                reasons += [rows.reasons for rows in reading.judged(3, EVERY)]
    wrong = "row: wrong number of columns"
    assert reasons == [{wrong: 1}, {wrong: 2}, {wrong: 1}]


@pytest.mark.parametrize(
    ("name", "reason"), [("x.csv", "missing column: cnpj"), ("x.csv.gz", "broken gzip: Not a gzipped")]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, reason: str) -> None:
    files = landed(tmp_path, {name: "no such thing\n"})
    result = Inspector(Directory(tmp_path), TaskResources()).inspect(files, Rules(NOW), 3, EVERY)[name]
    assert isinstance(result, NotRead) and result.why.startswith(reason)


def test_a_file_that_is_gone_or_another_one_is_not_read(tmp_path: Path) -> None:
    files = landed(tmp_path, {"x.csv": HEADER + ROWS, "y.csv": HEADER, "z.csv": HEADER})
    os.utime(tmp_path / "x.csv", (1, 1))
    (tmp_path / "y.csv").unlink()
    results = Inspector(Directory(tmp_path), TaskResources()).inspect(files, Rules(NOW), 3, EVERY)
    assert (results["x.csv"], results["y.csv"]) == (NotRead(GONE), NotRead(GONE))
    assert isinstance(results["z.csv"], Inspection)


def test_large_and_packed_files_are_read_alone() -> None:
    sizes = {"a.csv": 9_000_000, "b.csv": 1, "c.csv.gz": 1, "d.csv": 1}
    files = [File(0, name, size) for name, size in sizes.items()]
    assert [[file.path for file in batch] for batch in inspection.batches(files)] == [
        ["c.csv.gz"],
        ["a.csv"],
        ["b.csv", "d.csv"],
    ]
