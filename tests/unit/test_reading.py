"""One file: how it may be written, and what it comes to."""

import csv
import gzip
import io
import os
import socket
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming import companies, dialect, ledger
from streaming.companies import Summary
from streaming.errors import FileRejected
from streaming.sources import Rules

RULES = Rules(datetime(2026, 11, 24, tzinfo=UTC))
HEADER = "cnpj,data_abertura,cidade,estado,capital_social"
ROW = "11.222.333/0001-81,2025-07-28,São Paulo,SP,10.50"
Place = tuple[str, str, Decimal, int]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return companies.connect(1)


def read(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> tuple[Summary, list[Place], list[tuple[str, str]]]:
    status = path.lstat()
    with (
        dialect.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(connection, descriptor, RULES, gzipped=path.name.endswith(".gz")) as reading,
    ):
        summary = reading.summary()
        rejected = list(reading.rejected())
    assert len(rejected) == summary.rejected
    return summary, sorted(tuple(p.values()) for p in summary.places.to_pylist()), rejected


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{ROW}\n".encode(),
        f"{HEADER}\n{ROW}".encode(),
        f"\ufeff{HEADER}\n{ROW}\n".encode(),
        f"{HEADER}\r\n{ROW}\r\n".encode(),
        f"{HEADER}\r\n{ROW}\n\n".encode(),
        f"{HEADER}\r{ROW}\r".encode(),
        f"\n{HEADER}\n\n{ROW}\n\n".encode(),
        f"{HEADER}\n{ROW}\n".encode("latin-1"),
        f"{HEADER}\r\n{ROW}\n".encode("latin-1"),
        HEADER.upper().encode() + f"\n{ROW}\n".encode(),
        '"estado", "CIDADE",x,Capital_Social,cnpj,"data_abertura"\n'
        'SP,"São Paulo",";",10.50,"11222333000181",2025-07-28\n'.encode(),
        "cnpj;data_abertura;cidade;estado;capital_social\n"
        "11222333000181;2025-07-28;São Paulo;SP;10,50\n".encode(),
    ],
)
def test_one_row_is_the_same_however_the_file_is_written(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, content: bytes
) -> None:
    for name, data in (("a.csv", content), ("a.csv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(data)
        summary, places, _ = read(connection, tmp_path / name)
        assert (summary.read, summary.rejected, ledger.size(summary.companies)) == (1, 0, 1)
        assert places == [("São Paulo", "SP", Decimal("10.50"), 1)]


def test_gzip_may_have_several_members(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n".encode()) + gzip.compress(f"{ROW}\n".encode()))
    assert read(connection, path)[0].read == 1


GZ = gzip.compress(f"{HEADER}\n{ROW}\n".encode())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "empty file"),
        ("a.csv", b"\n\n", "empty file"),
        ("a.csv", b"\x89PNG\r\n\0\0", "missing column"),
        ("a.csv", b"\0\1\2", "binary file"),
        ("a.csv", HEADER.encode("utf-16"), "UTF-16"),
        ("a.csv", b"cnpj,cidade\n1,2\n", "missing column: data_abertura, estado, capital_social"),
        ("a.csv", f"{HEADER},CNPJ\n".encode(), "column twice: cnpj"),
        ("a.csv.gz", b"no gzip at all", "broken gzip"),
        ("a.csv.gz", GZ[:-12], "broken gzip"),
        ("a.csv.gz", GZ[:-8] + b"\0" * 8, "broken gzip"),
        ("a.csv.gz", GZ + b"garbage", "broken gzip"),
        ("a.csv.gz", gzip.compress(b"\0" * 4_000_000), "binary file"),
    ],
)
def test_a_file_that_can_not_be_read_is_rejected_with_its_reason(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileRejected, match=reason):
        read(connection, tmp_path / name)


def test_what_is_no_file_is_rejected(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "directory.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.csv")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket.csv"))
        for path, kind in {
            "directory.csv": "a directory",
            "link.csv": "a symbolic link",
            "pipe.csv": "a pipe",
            "socket.csv": "a socket",
        }.items():
            with pytest.raises(FileRejected, match=f"not a file: {kind}"):
                read(connection, tmp_path / path)


def test_a_header_alone_is_a_file_of_no_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(HEADER)
    assert read(connection, tmp_path / "a.csv")[0].read == 0


def test_invalid_lines_of_a_utf8_file_are_rejected_one_by_one(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    bad = ROW.replace("São", "S?o").encode().replace(b"?", b"\xe3")
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n{ROW}\n".encode() + bad + b"\n")
    _, places, rejected = read(connection, tmp_path / "a.csv")
    assert places == [("São Paulo", "SP", Decimal("10.50"), 1)]
    assert [reason for reason, _ in rejected] == ["row: invalid UTF-8"]


def test_rows_that_can_not_be_split_keep_their_line(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lines = ["short,row", f"{ROW},more", '11222333000181,2025-07-28,"São" Paulo,SP,1.00']
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *lines, ROW, ""]))
    _, _, rejected = read(connection, tmp_path / "a.csv")
    assert rejected == [
        ("row: wrong number of columns", lines[0]),
        ("row: wrong number of columns", lines[1]),
        ("row: unbalanced quotes", lines[2]),
    ]


def test_inside_a_file_the_earliest_line_that_fits_wins(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [
        ROW.replace("10.50", "bad"),
        ROW.replace("São Paulo,SP", "Santos,SP"),
        ROW,
        ROW.replace("11.222.333/0001-81", "11222333000181"),
    ]
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows]))
    summary, places, _ = read(connection, tmp_path / "a.csv")
    assert (summary.read, summary.rejected, ledger.size(summary.companies)) == (4, 1, 1)
    assert places == [("Santos", "SP", Decimal("10.50"), 1)]


def test_companies_left_out_are_not_summed(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    other = ROW.replace("11.222.333", "11.222.334")
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n{ROW}\n{other}\n")
    out = ledger.from_ids(np.array([(11222333 >> 16) << 37 | 1 << 16 | 11222333 & 0xFFFF], np.uint64))
    status = path.stat()
    with (
        dialect.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(connection, descriptor, RULES, gzipped=False) as reading,
    ):
        assert reading.summary_without(out).to_pylist()[0]["quantidade_empresas"] == 1
        assert reading.summary_without({}).to_pylist()[0]["quantidade_empresas"] == 2


def test_a_file_that_changes_while_it_is_open_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER)
    status = path.stat()
    with pytest.raises(dialect.Changed), dialect.opened(path, status.st_size, status.st_mtime_ns):
        path.write_text(HEADER + "\n")
    with pytest.raises(dialect.Changed), dialect.opened(tmp_path / "gone.csv", 1, 1):
        pass


CELL = st.text(st.sampled_from('aé ",;\n') | st.sampled_from("SP10."), max_size=6)
RECORD = st.lists(CELL, min_size=4, max_size=6) | st.just(ROW.split(","))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, max_size=8))
def test_nothing_is_lost_of_any_rows(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, records: list[list[str]]
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    writer.writerows(records)
    path = tmp_path / "a.csv"
    path.write_text(written.getvalue(), newline="")
    summary, _, _ = read(connection, path)
    fit = sum(record == ROW.split(",") for record in records)
    assert (summary.read, summary.rejected) == (len(records), len(records) - fit)
