"""One file read: how it may be written, what it adds up to, and what of it is rejected."""

import csv
import gzip
import io
import itertools
import os
import socket
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import ledger
from streaming.errors import FileRejected
from streaming.landing import opening
from streaming.reading import companies, dialect, scan
from streaming.reading.engine import connect
from streaming.reading.messages import Rules, TaskResources
from tests.examples import examples

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"
NATAL = "11222333000181,2024-01-31,Natal,RN,10.00\n"
RECIFE = "22333444000181,2024-01-31,Recife,PE,0.50\n"
SAO_PAULO = "33444555000181,2024-01-31,São Paulo,SP,1000.25\n"

Place = tuple[str, str, str, int]

connection = connect(TaskResources())


@dataclass(frozen=True)
class Read:
    """What reading a file came to."""

    read: int
    rejected: list[tuple[str, str]]
    places: list[Place]
    companies: set[int]
    wrong_digits: int = 0
    extra: tuple[str, ...] = ()


def read(path: Path, rules: Rules = RULES, counted: ledger.Companies | None = None) -> Read:
    """Read a file of which these companies were counted before."""
    status = path.lstat()
    with (
        opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(connection, descriptor, rules, gzipped=path.suffix == ".gz") as reading,
    ):
        [summary] = reading.summaries()
        rejected = [(reason, text) for _, reason, text in reading.rejected()]
        assert summary.places.schema == companies.PLACES
        tables = [summary.places]
        if counted or summary.repeated:
            tables += reading.retraction([counted or {}], [summary.repeated])
        assert all(table.schema == companies.PLACES for table in tables)
        places = pa.concat_tables(tables)
        assert summary.rejected == len(rejected), "each rejected row is told once"
        return Read(
            summary.read,
            rejected,
            added_up(places.to_pylist()),
            set(ledger.to_ids(summary.companies).tolist()),
            summary.wrong_digits,
            reading.dialect.extra,
        )


def added_up(rows: list[dict[str, object]]) -> list[Place]:
    places: dict[tuple[object, object], tuple[Decimal, int]] = {}
    for cidade, estado, capital, count in (row.values() for row in rows):
        assert isinstance(capital, Decimal) and isinstance(count, int)
        before = places.get((cidade, estado), (Decimal(0), 0))
        places[cidade, estado] = (before[0] + capital, before[1] + count)
    return sorted((str(c), str(e), str(total), n) for (c, e), (total, n) in places.items() if total or n)


Reader = Callable[..., Read]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Write a file, and read it."""

    def write_and_read(content: str | bytes, name: str = "x.csv", **how: object) -> Read:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, **how)  # type: ignore[arg-type]

    return write_and_read


BOTH = [("Natal", "RN", "10.00", 1), ("São Paulo", "SP", "1000.25", 1)]
USUAL = HEADER + NATAL + SAO_PAULO
BRAZILIAN = (
    "cnpj;data_abertura;cidade;estado;capital_social\n"
    "11222333000181;2024-01-31;Natal;RN;10,00\n"
    "33.444.555/0001-81;2024-01-31;São Paulo;SP;1.000,25\n"
)
REORDERED = (
    "capital_social,estado,cidade,cnpj,data_abertura\n"
    "10.00,RN,Natal,11222333000181,2024-01-31\n"
    "1000.25,SP,São Paulo,33444555000181,2024-01-31\n"
)
QUOTED = (
    '"cnpj","data_abertura","cidade","estado","capital_social"\n'
    '"11222333000181","2024-01-31","Natal","RN","10.00"\n'
    '"33444555000181","2024-01-31","São Paulo","SP","1000.25"\n'
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(USUAL.encode(), id="usual"),
        pytest.param(USUAL.rstrip("\n").encode(), id="no final newline"),
        pytest.param(USUAL.encode("utf-8-sig"), id="BOM"),
        pytest.param(QUOTED.encode("utf-8-sig"), id="BOM and quotes"),
        pytest.param(USUAL.encode("latin-1"), id="Latin-1"),
        pytest.param(BRAZILIAN.encode("latin-1"), id="Latin-1, semicolons"),
        pytest.param(BRAZILIAN.encode(), id="semicolons"),
        pytest.param(REORDERED.encode(), id="other column order"),
        pytest.param(QUOTED.encode(), id="all quoted"),
        pytest.param(
            USUAL.replace("cnpj", "CNPJ").replace("cidade", "Cidade").encode(), id="letter case"
        ),
        pytest.param(USUAL.replace("cnpj,data_abertura", " cnpj , data_abertura").encode(), id="blanks"),
        pytest.param(USUAL.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(USUAL.replace("\n", "\r\n").rstrip().encode(), id="CRLF, no final newline"),
        pytest.param(USUAL.replace("\n", "\r").encode(), id="CR"),
        pytest.param(USUAL.replace("\n", "\r").rstrip().encode(), id="CR, no final newline"),
        pytest.param((HEADER.replace("\n", "\r\n") + NATAL + SAO_PAULO).encode(), id="CRLF, then LF"),
        pytest.param((HEADER + NATAL.replace("\n", "\r\n") + SAO_PAULO).encode(), id="LF, CRLF, LF"),
        pytest.param((HEADER + NATAL.replace("\n", "\r") + SAO_PAULO).encode(), id="LF, CR, LF"),
        pytest.param(USUAL.replace("\n", "\r\n").encode("latin-1"), id="CRLF, Latin-1"),
        pytest.param(USUAL.replace("\n", "\n\n").encode(), id="blank lines between"),
        pytest.param((USUAL + "\n\n").encode(), id="blank lines at the end"),
        pytest.param(USUAL.replace("\n", "\r\n\r\n").encode(), id="blank CRLF lines between"),
        pytest.param(("\n\n" + USUAL).encode(), id="blank lines before the header"),
        pytest.param(
            ("\r\n" + USUAL.replace("\n", "\r\n")).encode(), id="blank CRLF line before the header"
        ),
    ],
)
def test_a_file_means_the_same_however_it_is_written(reader: Reader, content: bytes) -> None:
    found = reader(content)

    assert (found.read, found.rejected, found.places, found.extra) == (2, [], BOTH, ())
    assert found.companies == reader(USUAL).companies


def test_extra_columns_are_ignored_and_named(reader: Reader) -> None:
    found = reader(
        "Nome Fantasia,cnpj,data_abertura,cidade,estado,capital_social,x;y,x;y,\n"
        '"Bar, Café",11222333000181,2024-01-31,Natal,RN,10.00,1,2,3\n'
    )

    assert found.extra == ("nome fantasia", "x;y", "x;y", "")
    assert (found.read, found.rejected, found.places) == (1, [], BOTH[:1])


def test_a_city_keeps_its_quotes_and_separators(reader: Reader) -> None:
    found = reader(
        HEADER
        + '11222333000181,2024-01-31,"Passa ""e"" Fica",RN,1.00\n'
        + '22333444000181,2024-01-31,"Natal, Centro; Sul",RN,1.00\n'
    )

    assert found.rejected == []
    assert [p[0] for p in found.places] == ["Natal, Centro; Sul", 'Passa "e" Fica']


def test_line_breaks_inside_quotes_do_not_end_a_row(reader: Reader) -> None:
    found = reader(
        "nota," + HEADER + '"one\ntwo\n\nthree",' + NATAL + '"11222333000181,x\n",' + SAO_PAULO + "x,"
    )

    assert (found.read, found.places) == (3, BOTH)
    assert [reason for reason, _ in found.rejected] == ["row: wrong number of columns"]


def test_bytes_that_are_no_utf8_among_some_that_are_reject_their_row_alone(reader: Reader) -> None:
    found = reader(
        HEADER.encode()
        + SAO_PAULO.encode()
        + RECIFE.replace("e", "é").encode("latin-1")
        + NATAL.encode()
    )

    assert (found.read, found.places) == (3, BOTH)
    assert [reason for reason, _ in found.rejected] == ["row: invalid UTF-8"]


# Larger than one chunk of the scan, so that what is decided for a file is decided for all of it.
@pytest.mark.parametrize("late", ["\r\n", "\r"])
def test_line_ends_that_change_late_in_a_file_are_line_ends(reader: Reader, late: str) -> None:
    early = "".join(f"{n:08}000100,2024-01-31,Natal,RN,1.00\n" for n in range(8_000))
    assert len(early) > scan.CHUNK
    found = reader(HEADER + early + (RECIFE + SAO_PAULO).replace("\n", late))

    assert (found.read, found.rejected) == (8_002, [])
    assert found.places == [
        ("Natal", "RN", "8000.00", 8_000),
        ("Recife", "PE", "0.50", 1),
        ("São Paulo", "SP", "1000.25", 1),
    ]


@pytest.mark.parametrize("shift", range(4))
def test_a_character_that_two_chunks_share_does_not_make_a_file_latin_1(
    reader: Reader, shift: int
) -> None:
    row = NATAL.rstrip("\n")
    pad = "x" * (scan.CHUNK - len(("nota," + HEADER + row + ",").encode()) - shift)
    found = reader(
        HEADER.rstrip("\n") + ",nota\n" + row + "," + pad + "ãé€🏙\n" + SAO_PAULO.rstrip("\n") + ",ã\n"
    )

    assert (found.read, found.rejected, found.places) == (2, [], BOTH)


# gzip


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(USUAL.encode()), id="one member"),
        pytest.param(
            gzip.compress((HEADER + NATAL[:9]).encode())
            + gzip.compress((NATAL[9:] + SAO_PAULO).encode()),
            id="two members",
        ),
        pytest.param(gzip.compress(USUAL.encode("latin-1")), id="Latin-1"),
        pytest.param(gzip.compress(USUAL.replace("\n", "\r\n").encode("utf-8-sig")), id="BOM and CRLF"),
        pytest.param(gzip.compress(BRAZILIAN.encode()), id="semicolons"),
    ],
)
def test_a_gzip_file_means_what_it_holds(reader: Reader, content: bytes) -> None:
    found = reader(content, "x.csv.gz")

    assert (found.read, found.rejected, found.places) == (2, [], BOTH)


WHOLE = gzip.compress((USUAL + "".join(f"{n:014},2024-01-31,Natal,RN,1\n" for n in range(999))).encode())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WHOLE[:-1], id="last byte missing"),
        pytest.param(WHOLE[:-8], id="trailer missing"),
        pytest.param(WHOLE[: len(WHOLE) // 2], id="half of it"),
        pytest.param(WHOLE[:5], id="half a header"),
        pytest.param(WHOLE[:-8] + bytes([WHOLE[-8] ^ 1]) + WHOLE[-7:], id="wrong checksum"),
        pytest.param(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]), id="wrong length"),
        pytest.param(WHOLE[:200] + bytes(200) + WHOLE[400:], id="damaged inside"),
        pytest.param(WHOLE + b"garbage", id="garbage after it"),
        pytest.param(WHOLE + WHOLE[:20], id="second member cut"),
        pytest.param(USUAL.encode(), id="not compressed"),
        pytest.param(zlib.compress(USUAL.encode()), id="zlib"),
    ],
)
def test_a_broken_gzip_file_is_rejected_whole(reader: Reader, content: bytes) -> None:
    with pytest.raises(FileRejected, match=r"^broken gzip: "):
        reader(content, "x.csv.gz")


# Repeats


REPEATS = (
    HEADER
    + NATAL.replace("10.00", "oops")  # does not fit, so it is not the first
    + NATAL
    + "11.222.333/0001-99,2024-01-31,Recife,PE,7.77\n"  # the same company: check digits add nothing
    + SAO_PAULO
    + NATAL
    + RECIFE
)
FIRSTS = sorted([*BOTH, ("Recife", "PE", "0.50", 1)])


def test_of_a_company_repeated_in_a_file_the_earliest_line_that_fits_counts(reader: Reader) -> None:
    found = reader(REPEATS)

    assert (found.read, len(found.rejected), len(found.companies)) == (6, 1, 3)
    assert found.places == FIRSTS


def test_the_earliest_line_wins_over_many_threads_and_buffers(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    many = [f"{n:08}000100,2024-01-31,{{}},RN,1.00\n" for n in range(30_000)]
    path.write_text(
        HEADER + "".join(r.format("Natal") for r in many) + "".join(r.format("Macau") for r in many)
    )
    status = path.stat()
    with (
        opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(
            connect(TaskResources(threads=2)), descriptor, RULES, gzipped=False
        ) as reading,
    ):
        [summary] = reading.summaries()
        [surplus] = reading.retraction([{}], [summary.repeated])

    assert (summary.read, summary.rejected, ledger.size(summary.companies)) == (60_000, 0, 30_000)
    assert summary.repeated == summary.companies
    assert added_up(surplus.to_pylist()) == [("Macau", "RN", "-30000.00", -30_000)]


def test_companies_counted_before_add_nothing(reader: Reader) -> None:
    natal, recife = (reader(HEADER + row).companies for row in (NATAL, RECIFE))

    def places(counted: set[int]) -> list[Place]:
        held = ledger.from_ids(np.array(sorted(counted), dtype=np.uint64))
        return reader(REPEATS, counted=held).places

    assert places(set()) == FIRSTS
    assert places(natal) == [p for p in FIRSTS if p[0] != "Natal"]
    assert places(natal | recife) == [p for p in FIRSTS if p[0] == "São Paulo"]
    assert places(reader(REPEATS).companies | {42}) == []


# Rejected rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("11222333000181,2024-01-31,Natal,RN", "row: wrong number of columns"),
        ("11222333000181,2024-01-31,Natal,RN,10.00,", "row: wrong number of columns"),
        ("11222333000181,2024-01-31,Natal,RN,1,000.00", "row: wrong number of columns"),
        ("11222333000181;2024-01-31;Natal;RN;10.00", "row: wrong number of columns"),
        ("lonely", "row: wrong number of columns"),
        ("  ", "row: wrong number of columns"),
        ('11222333000181,2024-01-31,"Na"tal,RN,10.00', "row: unbalanced quotes"),
        (",,,,", "cnpj: missing"),
        ("x,2024-01-31,Natal,RN,10.00", "cnpj: malformed"),
        ("11222333000181,,Natal,RN,10.00", "data_abertura: missing"),
        ("11222333000181,2024-01-31,,RN,10.00", "cidade: missing"),
        ('11222333000181,2024-01-31,"",RN,10.00', "cidade: missing"),
        ("11222333000181,2024-01-31,Natal,,10.00", "estado: missing"),
        ("11222333000181,2024-01-31,Natal,RN,", "capital_social: missing"),
        ("11222333000181,2024-01-31,\x01,RN,10.00", "cidade: control character"),
        ("11222333000181,2024-01-31,Natal,\x01,10.00", "estado: not one of the 27"),
        ("11222333000181,2024-01-31,Natal,RN,\x01", "capital_social: not a number"),
        ("11222333000181,\x01,Natal,RN,10.00", "data_abertura: not an ISO 8601 date or instant"),
        ("\x01,2024-01-31,Natal,RN,10.00", "cnpj: malformed"),
        ("11222333000181,2024-01-31,Na\x00tal,RN,10.00", "cidade: control character"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason_and_the_others_count(
    reader: Reader, row: str, reason: str
) -> None:
    found = reader(HEADER + RECIFE + row + "\n" + SAO_PAULO)

    assert (found.read, [why for why, _ in found.rejected]) == (3, [reason])
    assert found.places == [("Recife", "PE", "0.50", 1), BOTH[1]]
    if '"' not in row:
        assert found.rejected[0][1] == row


@pytest.mark.parametrize(
    "row",
    [
        '11222333000181,2024-01-31,"a, ""b"" c",XX,10.00',
        '"1,2",2024-01-31,Natal,RN,10.00',
        '11222333000181,2024-01-31,"a\nb",RN,10.00',
    ],
)
def test_the_text_of_a_rejected_row_reads_back_as_its_values(reader: Reader, row: str) -> None:
    ((_, text),) = reader(HEADER + row + "\n").rejected

    assert list(csv.reader(io.StringIO(text))) == list(csv.reader(io.StringIO(row)))


def test_a_rejected_row_tells_its_extra_columns_too(reader: Reader) -> None:
    found = reader("id," + HEADER + "7,x,2024-01-31,Natal,RN,10.00\n")

    assert found.rejected == [("cnpj: malformed", "7,x,2024-01-31,Natal,RN,10.00")]


@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
def test_a_line_of_megabytes_is_rejected_and_the_others_count(reader: Reader, quote: str) -> None:
    long = "22333444000181,2024-01-31," + quote + "x" * 3_000_000 + quote + ",PE,1.00\n"
    found = reader(HEADER + NATAL + long + SAO_PAULO)

    assert (found.read, found.places) == (3, BOTH)
    assert [reason.split(":")[0] for reason, _ in found.rejected] == ["row"]


def test_a_quote_that_never_closes_takes_the_rest_of_the_file_as_one_row(reader: Reader) -> None:
    found = reader(HEADER + NATAL + SAO_PAULO + '22333444000181,2024-01-31,"Recife,PE,1.00\n' + RECIFE)

    assert (found.read, found.places) == (3, BOTH)
    assert [reason for reason, _ in found.rejected] == ["row: unbalanced quotes"]


def test_wrong_check_digits_are_counted_and_reject_in_strict_mode(reader: Reader) -> None:
    content = HEADER + NATAL + NATAL.replace("81,", "80,", 1).replace("0001", "0002")

    counted = reader(content)
    strict = reader(content, rules=Rules(RULES.now, strict=True))

    assert (counted.wrong_digits, counted.rejected, counted.places[0][3]) == (1, [], 2)
    assert [reason for reason, _ in strict.rejected] == ["cnpj: wrong check digits"]
    assert strict.places == BOTH[:1]


# Conservation

CELL = st.sampled_from(
    [
        "11222333000181",
        "2024-01-31",
        "Natal",
        "RN",
        "10.00",
        "",
        " ",
        '"',
        'a"b',
        "a,b",
        "a;b",
        "a\nb",
        "São",
        "\n",
    ]
)
FITTING = st.builds(
    lambda n, city, cents: [f"{n:08}000100", "2024-01-31", city, "RN", f"{cents / 100:.2f}"],
    st.integers(0, 20),
    st.sampled_from(["Natal", "Caicó", "Passa, e Fica", 'A "B"']),
    st.integers(0, 10_000),
)


@examples(50)
@given(st.lists(FITTING | st.lists(CELL, min_size=1, max_size=7), max_size=15), st.sampled_from(",;"))
def test_every_row_is_read_and_either_fits_or_is_rejected(rows: list[list[str]], separator: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator="\n")
    writer.writerow(dialect.COLUMNS)
    for row in rows:
        if len(row) == 5 and separator == ";":
            row = [*row[:4], row[4].replace(".", ",")]
        writer.writerow(row)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.csv"
        path.write_text(written.getvalue())
        found = read(path)

    parsed = csv.reader(io.StringIO(written.getvalue()), delimiter=separator)
    records = [record for record in parsed if record][1:]
    counted: dict[str, tuple[str, Decimal]] = {}
    fits = 0
    for record in records:
        if (
            len(record) == 5
            and record[0].isdigit()
            and record[1:2] == ["2024-01-31"]
            and record[3] == "RN"
        ):
            city, capital = record[2], record[4].replace(",", ".")
            if (
                capital.replace(".", "", 1).isdigit()
                and "\n" not in city
                and city.strip()
                and len(record[0]) == 14
            ):
                fits += 1
                counted.setdefault(record[0][:12], (city, Decimal(capital)))
    assert found.read == len(records) == fits + len(found.rejected)
    assert len(found.companies) == sum(place[3] for place in found.places) == len(counted)
    assert sum((Decimal(place[2]) for place in found.places), Decimal(0)) == sum(
        (capital for _, capital in counted.values()), Decimal(0)
    )


@examples(50)
@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b'"',
                b",",
                b"\n",
                b"\r",
                b"\r\n",
                b"\0",
                b"\x01",
                b"\xff",
                b"\xc3",
                b"\xa3",
                b"a",
                NATAL.encode(),
            ]
        ),
        max_size=25,
    ).map(b"".join)
)
def test_whatever_follows_a_header_no_row_is_lost_and_nothing_fails(rest: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.csv"
        path.write_bytes((HEADER + RECIFE).encode() + rest + b"\n")
        try:
            found = read(path)
        except FileRejected:
            return
    assert all(type(reason) is str and type(raw) is str for reason, raw in found.rejected)
    assert found.read >= len(found.rejected) + 1
    assert ("Recife", "PE", "0.50", 1) in found.places
    assert all(cidade != "None" and estado != "None" for cidade, estado, *_ in found.places)
    assert len(found.companies) == sum(place[3] for place in found.places)


# Files rejected as a whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\n\n \r\n", "empty file"),
        (b"\xef\xbb\xbf", "empty file"),
        (b"\xef\xbb\xbf\n", "empty file"),
        ((HEADER + NATAL).encode("utf-16"), "UTF-16: save it as UTF-8"),
        ((HEADER + NATAL).encode("utf-16-be"), "binary file"),
        (bytes(range(256)) * 100, "binary file"),
        (bytes(5_000_000), "binary file"),
        (b"\x7fELF\x02\x01\x01\0\0\0" + bytes(99), "binary file"),
        (gzip.compress(USUAL.encode()), "binary file"),
        (HEADER.replace("cidade,", "").encode(), "missing column: cidade"),
        (HEADER.replace("cidade", "city").encode(), "missing column: cidade"),
        (NATAL.encode(), "missing column: cnpj, data_abertura, cidade, estado, capital_social"),
        (
            HEADER.replace(",", "\t").encode(),
            "missing column: cnpj, data_abertura, cidade, estado, capital_social",
        ),
        (b"cnpj;data_abertura,cidade;estado,capital_social\n", "missing column:"),
        (HEADER.replace("estado", "estado,Estado").encode(), "column twice: estado"),
        (HEADER.replace("\n", ",CNPJ,cidade\n").encode(), "column twice: cnpj, cidade"),
        (b"x" * 2_000_000, "header longer than 1,048,576 bytes"),
        (
            (HEADER + NATAL).encode() + b"," * 500_000 + b"\n" + NATAL.encode(),
            "a line with more than 2,000 separators",
        ),
        (
            (HEADER + NATAL * 9000).replace("\n", "\r").encode() + b";x" * 9000,
            "a line with more than 2,000 separators",
        ),
    ],
    ids=itertools.count(),
)
def test_a_file_that_is_no_csv_of_companies_is_rejected_with_its_reason(
    reader: Reader, content: bytes, reason: str
) -> None:
    with pytest.raises(FileRejected) as error:
        reader(content)

    why, _, shown = str(error.value).partition("; read as the header: ")
    assert why.startswith(reason) if reason.endswith(":") else why == reason
    assert bool(shown) == reason.startswith(("missing", "column", "header"))


@pytest.mark.parametrize("content", [b"", b"\n", bytes(3_000_000)], ids=itertools.count())
def test_a_gzip_file_of_nothing_is_rejected(reader: Reader, content: bytes) -> None:
    with pytest.raises(FileRejected, match=r"^(empty|binary) file$"):
        reader(gzip.compress(content), "x.csv.gz")


@pytest.mark.parametrize("content", [HEADER, HEADER.rstrip(), HEADER + "\n\n", "\ufeff" + HEADER])
def test_a_header_alone_is_a_file_of_no_rows(reader: Reader, content: str) -> None:
    assert reader(content) == Read(0, [], [], set())


def test_a_file_after_a_rejected_one_is_read_as_if_nothing_was(reader: Reader) -> None:
    for poison in (b"", bytes(99), HEADER.encode() + b'"' + NATAL.encode()):
        with suppress(FileRejected):
            reader(poison)

        assert reader(USUAL).places == BOTH
        assert reader(USUAL).rejected == []


# What is not, or no longer, the file


def test_what_is_no_file_is_rejected_and_nobody_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text(USUAL)
    (tmp_path / "directory.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("real.csv")
    (tmp_path / "dangling.csv").symlink_to("nowhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    listener = socket.socket(socket.AF_UNIX)
    where = Path.cwd()
    os.chdir(tmp_path)  # names of sockets are short
    try:
        listener.bind("socket.csv")
    finally:
        os.chdir(where)
        listener.close()
    reasons = {}
    for name in ("directory", "link", "dangling", "pipe", "socket"):
        with pytest.raises(FileRejected) as error:
            read(tmp_path / f"{name}.csv")
        reasons[name] = str(error.value)

    assert reasons == {
        "directory": "not a file: a directory",
        "link": "not a file: a symbolic link",
        "dangling": "not a file: a symbolic link",
        "pipe": "not a file: a pipe",
        "socket": "not a file: a socket",
    }


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    """A file in place."""
    path = tmp_path / "x.csv"
    path.write_text(USUAL)
    return path


def test_a_file_replaced_while_it_is_open_is_read_as_it_was(landed: Path) -> None:
    status = landed.stat()
    with opening.opened(landed, status.st_size, status.st_mtime_ns) as descriptor:
        other = landed.with_name("other")
        other.write_text(HEADER)
        other.replace(landed)
        with companies.reading(connection, descriptor, RULES, gzipped=False) as reading:
            [summary] = reading.summaries()
            assert added_up(summary.places.to_pylist()) == BOTH


def test_reading_leaves_no_descriptor_open(reader: Reader) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    reader(USUAL)
    before = descriptors()
    for content, name in ((USUAL, "x.csv"), (gzip.compress(USUAL.encode()), "y.csv.gz"), (b"", "z.csv")):
        with suppress(FileRejected):
            reader(content, name)

    assert descriptors() == before


def test_what_does_not_fit_into_memory_goes_to_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    small = connect(TaskResources())
    small.execute("SET memory_limit = '40MB'")
    small.execute("CREATE TABLE t AS SELECT hash(range) AS h FROM range(10_000_000)")
    assert any(path.is_file() for path in (tmp_path / "temporary").rglob("*"))
    assert list((tmp_path / "work").iterdir()) == []
    small.close()
    assert [path for path in (tmp_path / "temporary").rglob("*") if path.is_file()] == []
