"""Files as other programs write them: encodings, first lines, what a person sees of both."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import municipalities
from streaming.domain.file import File
from streaming.landing import quarantine
from streaming.landing.directory import Directory
from streaming.landing.local_folder import LocalFolder
from streaming.reading import charset, mangled, worker
from streaming.reading.messages import Rules, Source, TaskResources
from tests.examples import examples

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = b"cnpj,data_abertura,cidade,estado,capital_social\n"
Rejected = Sequence[tuple[str, bytes]]


def line(
    number: int, cidade: bytes = b"Natal", estado: bytes = b"RN", capital: bytes = b"10.00"
) -> bytes:
    return b"%08d000100,2024-01-31,%b,%b,%b\n" % (number, cidade, estado, capital)


def read(directory: Path, content: bytes, name: str = "x.csv") -> tuple[dict[str, Any], set[str]]:
    """Read one file; return its report and its cities."""
    path = directory / name
    path.write_bytes(content)
    status = path.stat()
    source = Source(0, File(status.st_mtime_ns, name, status.st_size), Directory(path.parent))
    rows = [
        row
        for batch in worker.summarise(
            [source], RULES, LocalFolder(directory / "quarantine"), TaskResources()
        )
        for row in batch.to_pylist()
    ]
    [report] = [json.loads(row["report"]) for row in rows if row["report"]]
    return report, {row["cidade"] for row in rows if row["cidade"]}


def rejected(directory: Path) -> list[tuple[str, bytes]]:
    """Return reason and bytes of each rejected row, as the quarantine says to get them."""
    return [
        (row["reason"], row["raw"].encode(row.get("encoding", "utf-8"), "surrogateescape"))
        for row in quarantine.rows(LocalFolder(directory / "quarantine"))
    ]


# Bytes of rejected rows


def test_a_row_of_invalid_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    wrong = [line(2, b"Rec\xe9if?e", b"PE"), line(3, b"\xff", b"PE"), line(4, b'"\xc3\nx"', b"PE")]
    content = b"\xef\xbb\xbf" + HEADER + line(1, "São Paulo".encode(), b"SP") + b"".join(wrong)

    report, cities = read(tmp_path, content)

    assert (report["read"], report["rejected"], cities) == (4, 3, {"São Paulo"})
    assert rejected(tmp_path) == [("row: invalid UTF-8", row.rstrip(b"\n")) for row in wrong]
    assert all("encoding" not in row for row in quarantine.rows(LocalFolder(tmp_path / "quarantine")))


@examples(20)
@given(st.binary(min_size=1, max_size=20).filter(lambda b: not set(b) & set(b'\n\r",\0')))
def test_whatever_bytes_are_rejected_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, cidade: bytes
) -> None:
    directory = tmp_path_factory.mktemp("x")
    wrong = line(2, cidade, b"XX")
    content = HEADER + line(1, "São João de Antônio à Vovó".encode() * 4) + wrong

    read(directory, content)

    ((_, raw),) = rejected(directory)
    assert raw == wrong.rstrip(b"\n")


def test_a_row_of_windows_1252_keeps_its_bytes_and_names_its_encoding(tmp_path: Path) -> None:
    wrong = line(2, b"d\x92Oeste \x81\x80\xe3", b"SP")
    short = b"\x93S\xe3o Paulo\x94,SP\n"

    report, cities = read(tmp_path, HEADER + line(1, b"S\xe3o Paulo", b"SP") + wrong + short)

    assert (report["read"], report["rejected"], cities) == (3, 2, {"São Paulo"})
    assert rejected(tmp_path) == [
        ("cidade: control character", wrong.rstrip(b"\n")),
        ("row: wrong number of columns", short.rstrip(b"\n")),
    ]
    assert {row["encoding"] for row in quarantine.rows(LocalFolder(tmp_path / "quarantine"))} == {
        charset.WINDOWS
    }
    quarantine.rename(LocalFolder(tmp_path / "quarantine"), {"x.csv": "_archive/2026-11/x.csv"})
    assert [raw for _, raw in rejected(tmp_path)] == [wrong.rstrip(b"\n"), short.rstrip(b"\n")]


# Text decoded wrongly before


def places(*cities: str) -> pa.Table:
    return mangled.marked(pa.table({"cidade": list(cities), "rows": [2] * len(cities)}))


@pytest.mark.parametrize(
    "cidade",
    [
        "SÃ£o Paulo",
        "TietÃª",  # ê, whose second byte is a usual sign
        "MACEIÃ“",
        "GOIÃ\x81S",
        "Santa BÃ¡rbara dâ€™Oeste",
        "S├úo Paulo",  # UTF-8 read as CP850
        "S\ufffdo Paulo",
        "Maring\x87",  # Mac Roman read as Latin-1
        "S‹o Paulo",  # Mac Roman read as Windows-1252
        "Macei—",
        "SÆo Paulo",  # CP850 read as Latin-1 or Windows-1252
        "Bel‚m",
        "MACEIà",
        "MACEIӠ",
        "S?o Paulo",
    ],
)
def test_a_city_that_was_decoded_wrongly_before_is_known(cidade: str) -> None:
    assert mangled.count(places(cidade, "Natal"))["mangled"] == 2


@pytest.mark.parametrize(
    "cidade",
    [
        "São Paulo",
        "SÃO JOÃO DA BOA VISTA",
        "PONTA PORÃ",
        "PONTA PORÃ\xa0",
        "Santa Bárbara d’Oeste",
        "Pau D´Alho",
        "Vila à Beira",
        "Açu–Ponta",
        "“Natal”",
        "Mogi-Guaçu (2º)",
        "🏙",
        "?",
        "",
    ],
)
def test_a_city_of_usual_text_is_not(cidade: str) -> None:
    assert mangled.count(places(cidade)) == {"mangled": 0, "mangled_example": None}


def test_no_municipality_looks_wrongly_decoded() -> None:
    names = [municipality.nome for municipality in municipalities.every()]

    assert len(names) > 5000
    assert mangled.count(places(*names))["mangled"] == 0
    assert mangled.count(places(*(name.upper() for name in names)))["mangled"] == 0


def test_rows_with_wrongly_decoded_cities_are_counted_in_the_report(tmp_path: Path) -> None:
    rows = [line(1, "SÃ£o Paulo".encode()), line(2, "SÃ£o Paulo".encode()), line(3, "x\x87".encode())]

    report, cities = read(tmp_path, HEADER + b"".join(rows) + line(4))

    assert (report["mangled"], report["mangled_example"]) == (3, "SÃ£o Paulo")
    assert (report["rejected"], cities) == (1, {"SÃ£o Paulo", "Natal"})
    assert read(tmp_path, HEADER + line(4))[0]["mangled"] == 0


def test_an_example_is_short_and_holds_nothing_that_a_terminal_obeys() -> None:
    example = mangled.count(places("\x9b31m" + "Ã£" * 100))["mangled_example"]

    assert example is not None and example.startswith("\\x9b31mÃ£") and len(example) < 70


# First lines


@pytest.mark.parametrize(
    ("first", "separator", "end"),
    [
        ("sep={}\n", ";", b"\r\n"),
        ("sep={}\n", ",", b"\n"),
        ("SEP={}\n", ";", b"\r"),
        ('"sep={}"\n', ";", b"\r\n"),
        ("sep={0}{0}{0}{0}{0}\n", ";", b"\n"),
        ("\nSep={}\n\n", ",", b"\r\n"),
        ("sep={} \n", ";", b"\n"),
    ],
)
def test_a_first_line_that_names_the_separator_is_skipped(
    tmp_path: Path, separator: str, first: str, end: bytes
) -> None:
    below = HEADER + line(1, "São Paulo".encode(), b"SP") + line(2)
    below = below.replace(b",", separator.encode())
    content = (first.format(separator).encode() + below).replace(b"\n", end)

    for name, written in (
        ("a.csv", content),
        ("b.csv", b"\xef\xbb\xbf" + content),
        ("c.csv", content.decode().encode("latin-1")),
        ("d.CSV.GZ", gzip.compress(content)),
    ):
        report, cities = read(tmp_path, written, name)
        assert (report["outcome"], report["read"], report["rejected"]) == ("read", 2, 0), report
        assert cities == {"São Paulo", "Natal"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"sep=;\n", "empty file"),
        (b"sep=|\n" + HEADER, "separator '|' in the first line: only , and ; are read"),
        (b"sep=\n" + HEADER, "separator '' in the first line: only , and ; are read"),
        (
            b"sep=;\n" + HEADER,
            "missing column: cnpj, data_abertura, cidade, estado, capital_social, separated by ; as the"
            " first line says; read as the header: cnpj,data_abertura,cidade,estado,capital_social",
        ),
        (
            "Empresas de São Paulo\n".encode("latin-1") + HEADER,
            "missing column: cnpj, data_abertura, cidade, estado, capital_social;"
            " read as the header: Empresas de São Paulo",
        ),
        (
            b"# exported \x1b[2J\xe2\x80\xae\n" + HEADER,
            "missing column: cnpj, data_abertura, cidade, estado, capital_social;"
            " read as the header: # exported \\x1b[2J\\u202e",
        ),
        (
            b"x" * 500 + b"\n" + HEADER,
            "missing column: cnpj, data_abertura, cidade, estado, capital_social;"
            f" read as the header: {'x' * 100}…",
        ),
        (
            HEADER.replace(b"\n", b",CNPJ\n"),
            "column twice: cnpj; read as the header:"
            " cnpj,data_abertura,cidade,estado,capital_social,CNPJ",
        ),
    ],
)
def test_a_reason_shows_what_was_read_as_the_header(tmp_path: Path, content: bytes, reason: str) -> None:
    report, _ = read(tmp_path, content)

    assert (report["outcome"], report["reason"]) == ("rejected", reason)
