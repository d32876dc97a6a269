"""There is one way to judge a row: whoever reads it, alone or beside other files, comes to the same."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from streaming.domain import ledger
from streaming.errors import FileRejected
from streaming.landing import opening, quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.reading import companies, dialect, engine, worker
from streaming.reading.dialect import Dialect
from streaming.reading.engine import connect
from streaming.reading.messages import Retraction, Rules, Source, TaskResources
from tests.nasty import Nasty, nasty
from tests.sources import laid, location

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = b"cnpj,data_abertura,cidade,estado,capital_social,razao\n"

connection = connect(TaskResources(threads=2))

Place = tuple[str, str, Decimal, int]
Rows = dict[int, list[tuple[str, ...]]]


# By what columns a query asks for

PROJECTIONS = {
    "none": "file",
    "two": "file, capital_social, cnpj",
    "needed": "file, cnpj, data_abertura, cidade, estado, capital_social",
    "all": "file, cnpj, data_abertura, cidade, estado, capital_social, text",
}


def projected(paths: list[str], form: Dialect, columns: str) -> tuple[Rows, dict[int, int]] | None:
    """Return each file's rows and how many could not be split; None where DuckDB refuses a file."""
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    try:
        query = f"SELECT {columns} FROM ({engine.rows_sql(paths, form, parallel=True)})"
        values = connection.execute(query).fetchall()
    except duckdb.InvalidInputException:
        return None
    unsplit = connection.execute(
        f"SELECT {engine.file_number_sql(paths, 'file_path')}, count(DISTINCT line_byte_position)"
        " FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path"
    ).fetchall()
    rows: Rows = {}
    for file, *row in values:
        rows.setdefault(file, []).append(tuple(row))
    return rows, dict(unsplit)


def alike(paths: list[str], form: Dialect) -> tuple[Rows, dict[int, int]] | None:
    """Read files by every projection, assert that they agree, and return what is read of all columns."""
    seen = {name: projected(paths, form, columns) for name, columns in PROJECTIONS.items()}
    whole, needed = seen["all"], seen["needed"]
    if whole is None or needed is None:
        assert list(seen.values()) == [None] * len(seen)
        return None
    assert needed[0] == {file: [row[:5] for row in rows] for file, rows in whole[0].items()}
    for one in seen.values():
        assert one is not None
        assert {file: len(rows) for file, rows in one[0].items()} == {
            file: len(rows) for file, rows in whole[0].items()
        }
        assert one[1] == whole[1]
    return whole


def projections_agree(random: Random, directory: Path) -> None:
    files = [nasty(random, quotes=random.random() < 0.7) for _ in range(random.choice((1, 2, 5)))]
    together: dict[tuple[object, ...], list[tuple[str, Dialect]]] = {}
    single: dict[str, tuple[Rows, dict[int, int]] | None] = {}
    with ExitStack() as stack:
        for number, file in enumerate(files):
            path = directory / f"{number}.csv"
            path.write_bytes(file.content)
            opened = stack.enter_context(path.open("rb"))
            try:
                plain, form = stack.enter_context(dialect.plain(opened.fileno(), gzipped=False))
            except FileRejected:
                continue
            together.setdefault((form.header, form.separator), []).append((plain, form))
            single[plain] = one = alike([plain], form)
            if file.rows is not None and one is not None:
                split = [row for row in file.rows if len(row) == len(file.header)]
                assert len(split) == len(one[0].get(0, []))
                assert len(file.rows) - len(split) == one[1].get(0, 0)
        for members in together.values():
            both = alike([plain for plain, _ in members], members[0][1])
            for number, (plain, form) in enumerate(members):
                one = single[plain]
                if both is None or one is None:
                    assert one is not None or both is None, "refused alone, read together"
                    continue
                rows, unsplit = both[0].get(number, []), both[1].get(number, 0)
                if len(rows) + unsplit == form.rows:  # else it is read alone
                    assert (rows, unsplit) == (one[0].get(0, []), one[1].get(0, 0))


def seeds(count: int) -> list[object]:
    """Return seeds, the first half of them quick: `make check` tries these alone."""
    slow = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(count // 2, count)]
    return [*range(count // 2), *slow]


@pytest.mark.parametrize("seed", seeds(12))
def test_a_row_is_there_whichever_columns_are_asked_for(seed: int, tmp_path: Path) -> None:
    projections_agree(Random(seed), tmp_path)


# By the pass

Cell = tuple[str, str, str, int]


def cells(rows: Iterable[Sequence[Any]]) -> dict[Cell, tuple[Decimal, int]]:
    """Return what rows add up to, by city, state, month and capital band."""
    sums: dict[Cell, tuple[Decimal, int]] = {}
    for cidade, estado, mes, faixa, capital, count in rows:
        cell = (cidade, estado, mes, faixa)
        before = sums.get(cell, (Decimal(0), 0))
        sums[cell] = (before[0] + capital, before[1] + count)
    return {cell: added for cell, added in sums.items() if added[1]}


def names(held: ledger.Companies) -> set[str]:
    """Return numeric companies as the first 12 characters of a CNPJ."""
    return {
        f"{company >> 37 << 16 | company & 0xFFFF:08}{company >> 16 & 0x1FFFFF:04}"
        for company in ledger.to_ids(held).tolist()
    }


def passes(path: Path) -> tuple[int, int] | str:
    """Read a file in every way there is, assert that all agree; return how many rows, and rejected."""
    status = path.stat()
    try:
        with (
            opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
            companies.reading(connection, descriptor, RULES, gzipped=False) as reading,
        ):
            [summary] = reading.summaries()
            summed = [tuple(row.values()) for row in summary.cells.to_pylist()]
            assert len(list(reading.rejected())) == summary.rejected
            assert reading.row_counts() == [summary.read]
            fitting = [row for batch in reading.fitting_rows() for row in batch.to_pylist()]
            assert len(fitting) == summary.read - summary.rejected
            assert {row["empresa"] for row in fitting} == names(summary.companies)
            values = [(*list(row.values())[2:], 1) for row in fitting]
            assert cells(values) == cells(summed)
            [counted] = reading.retraction([summary.companies], [{}])
            assert cells([*summed, *(tuple(r.values()) for r in counted.to_pylist())]) == {}
            [repeats] = reading.retraction([{}], [summary.repeated])
            ordered = sorted(zip(fitting, values, strict=True), key=lambda both: -both[0]["line"])
            firsts = {row["empresa"]: value for row, value in ordered}
            once = [*summed, *(tuple(r.values()) for r in repeats.to_pylist())]
            assert cells(once) == cells(firsts.values())
            return summary.read, summary.rejected
    except FileRejected as error:
        return str(error)


def told(sources: list[Source], directory: Path) -> dict[int, list[tuple[Any, ...]]]:
    """Return what `summaries.read` tells of each file, in an order of its own."""
    rows: dict[int, list[tuple[Any, ...]]] = {source.number: [] for source in sources}
    for batch in worker.summarise(sources, RULES, LocalFolder(directory), TaskResources()):
        for number, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            rows[number].append(tuple(values))
    return {number: sorted(lines, key=repr) for number, lines in rows.items()}


def kept(directory: Path) -> list[str]:
    return sorted(map(repr, quarantine.rows(LocalFolder(directory))))


def passes_agree(random: Random, directory: Path) -> None:
    files: list[Nasty] = [nasty(random, quotes=random.random() < 0.7) for _ in range(3)]
    sources = laid(directory / "zone", (file.content for file in files))
    together = told(sources, directory / "together")
    alone = {source.number: told([source], directory / "alone")[source.number] for source in sources}
    assert together == alone
    assert kept(directory / "together") == kept(directory / "alone")
    again = []
    for source in sources:
        [report] = [json.loads(row[0]) for row in alone[source.number] if row[0]]
        counts = (report["read"], report["rejected"])
        outcome = counts if report["outcome"] == "read" else report["reason"]
        assert passes(location(source)) == outcome
        blocks = {row[1]: row[2] for row in alone[source.number] if row[1]}
        repeated = {row[1]: row[3] for row in alone[source.number] if row[3]}
        if blocks:
            sample = dict(random.sample(sorted(blocks.items()), random.randrange(len(blocks) + 1)))
            again.append(replace(source, retraction=Retraction(sample, repeated)))
    more = told(again, directory / "together") if again else {}
    assert more == {s.number: told([s], directory / "alone")[s.number] for s in again}


@pytest.mark.parametrize("seed", seeds(4))
def test_every_pass_over_a_file_judges_its_rows_alike(seed: int, tmp_path: Path) -> None:
    passes_agree(Random(seed), tmp_path)


# Bytes that are no UTF-8


def test_a_wrong_byte_in_an_ignored_column_costs_no_row(tmp_path: Path) -> None:
    content = (
        HEADER
        + "54000001000100,2024-01-31,São Paulo,SP,10.00,PADARIA JOS".encode()
        + b"\xc3\n"
        + "54000002000100,31/01/2024,São Paulo,SP,10.00,BAR\n".encode()
        + "54000003000100,ontem,São Paulo,SP,10.00,JOS".encode()
        + b"\xc9\n"
    )
    [source] = laid(tmp_path / "zone", [content])

    lines = told([source], tmp_path / "q")[0]

    [report] = [json.loads(row[0]) for row in lines if row[0]]
    assert (report["outcome"], report["read"], report["rejected"]) == ("read", 3, 2)
    assert [row[3:] for row in lines if row[4]] == [
        (None, "São Paulo", "SP", "2024-01", 1, Decimal("10.00"), 1)
    ]
    assert [row["reason"].split(":")[0] for row in quarantine.rows(LocalFolder(tmp_path / "q"))] == [
        "data_abertura",
        "data_abertura",
    ]
    assert passes(location(source)) == (3, 2)


@pytest.mark.parametrize("column", range(5))
def test_a_wrong_byte_in_a_needed_column_rejects_its_row_and_is_kept(
    column: int, tmp_path: Path
) -> None:
    row = "54000001000100,2024-01-31,São Paulo,SP,10.00,PADARIA".encode().split(b",")
    row[column] = row[column][:1] + b"\xe3\x80" + row[column][1:]
    content = HEADER + b",".join(row) + b"\n"
    [source] = laid(tmp_path / "zone", [content])

    told([source], tmp_path / "q")

    [rejected] = quarantine.rows(LocalFolder(tmp_path / "q"))
    assert rejected["reason"] == "row: invalid UTF-8"
    assert rejected["raw"].encode("utf-8", "surrogateescape") + b"\n" == content.removeprefix(HEADER)


def test_what_stands_for_a_wrong_byte_is_no_part_of_a_city(tmp_path: Path) -> None:
    content = HEADER + "54000001000100,2024-01-31,S\U0010fee3o Paulo,SP,10.00,x\n".encode()
    [source] = laid(tmp_path / "zone", [content])

    assert passes(location(source)) == (1, 1)


# Files in pieces


def seen(path: Path) -> tuple[int, set[str], list[tuple[str, str]], bool]:
    status = path.stat()
    with (
        opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        dialect.plain(descriptor, gzipped=False) as (plain, form),
        closing(companies.Reading(connection, [plain], form, RULES)) as reading,
    ):
        [summary] = reading.summaries()
        rejected = [(reason, text) for _, reason, text in reading.rejected()]
        assert len(rejected) == summary.rejected
        assert sum(map(len, reading.fitting_rows())) == summary.read - summary.rejected
        return summary.read, names(summary.companies), rejected, form.in_pieces


STRAY = '00000001000100,2024-01-31,Na"tal,RN,10.00,x\n'
BROKEN = '00000002000100,2024-01-31,Natal,RN,10.00,"x\ny"\n'
GOOD = "00000003000100,2024-01-31,Natal,RN,10.00,x\n"


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the smallest file for one in pieces."""
    with monkeypatch.context() as patch:
        patch.setattr(dialect, "PIECE_BYTES", 100)
        yield


@pytest.mark.parametrize("end", ["\n", pytest.param("\r\n", marks=pytest.mark.slow)], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    "rows",
    [
        STRAY + BROKEN + GOOD + '00000004000100,2024-01-31,"Natal,RN,10.00,x\n',
        STRAY + BROKEN + GOOD + '00000004000100,2024-01-31,Natal,RN,10.00,"x',
        STRAY + BROKEN + GOOD + '00000004000100,2024-01-31,"Natal,RN,10.00,x\n' + GOOD * 3,
        STRAY + BROKEN + GOOD + '"',
        STRAY + GOOD + '"00000004000100\n,2024-01-31,Natal,RN,10.00,""x""\n',
        STRAY * 2 + BROKEN + GOOD,
        STRAY * 2 + BROKEN + GOOD.rstrip(),
        STRAY * 2 + BROKEN + GOOD + "short",
        STRAY * 2 + BROKEN + GOOD + "\n\n",
        STRAY * 2 + BROKEN + '00000004000100,2024-01-31,"Natal"x,RN,""10.00,x',
    ],
    ids=range(10),
)
def test_one_thread_alone_reads_what_all_would(
    rows: str, end: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "x.csv"
    path.write_text((HEADER.decode() + rows).replace("\n", end), newline="")
    *expected, whole = seen(path)
    request.getfixturevalue("pieces")

    *read, in_pieces = seen(path)

    assert (whole, in_pieces) == (False, True)
    assert read == expected


@pytest.mark.slow
def test_the_open_last_row_of_a_large_file_is_rejected_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    many = "".join(f"{n:08}000100,2024-01-31,Natal,RN,1.00,x\n" for n in range(10, 200_010))
    last = '99999999000181,2024-01-31,"Recife,PE,1.00,x'
    path.write_text(HEADER.decode() + STRAY + BROKEN + many + last + "\n")

    read, held, rejected, in_pieces = seen(path)

    assert in_pieces
    assert (read, len(held), rejected) == (200_003, 200_002, [("row: unbalanced quotes", last)])
