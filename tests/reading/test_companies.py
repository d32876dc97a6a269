"""One file read: how it may be written, what it adds up to, and what of it is rejected."""

import gzip
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from streaming.domain import ledger
from streaming.errors import FileRejected
from streaming.landing import opening
from streaming.reading import companies, scan
from streaming.reading.engine import connect
from streaming.reading.messages import TaskResources
from tests.reading.files import (
    BOTH,
    BRAZILIAN,
    HEADER,
    NATAL,
    RECIFE,
    RULES,
    SAO_PAULO,
    USUAL,
    Place,
    Reader,
    added_up,
    connection,
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
    result = reader(content)

    assert (result.read, result.rejected, result.places, result.extra) == (2, [], BOTH, ())
    assert result.companies == reader(USUAL).companies


def test_extra_columns_are_ignored_and_named(reader: Reader) -> None:
    result = reader(
        "Nome Fantasia,cnpj,data_abertura,cidade,estado,capital_social,x;y,x;y,\n"
        '"Bar, Café",11222333000181,2024-01-31,Natal,RN,10.00,1,2,3\n'
    )

    assert result.extra == ("nome fantasia", "x;y", "x;y", "")
    assert (result.read, result.rejected, result.places) == (1, [], BOTH[:1])


def test_a_city_keeps_its_quotes_and_separators(reader: Reader) -> None:
    result = reader(
        HEADER
        + '11222333000181,2024-01-31,"Passa ""ou"" Fica",RN,1.00\n'
        + '22333444000181,2024-01-31,"Natal, Centro; Sul",RN,1.00\n'
    )

    assert result.rejected == []
    assert [p[0] for p in result.places] == ["Natal, Centro; Sul", 'Passa "ou" Fica']


def test_line_breaks_inside_quotes_do_not_end_a_row(reader: Reader) -> None:
    result = reader(
        "nota," + HEADER + '"one\ntwo\n\nthree",' + NATAL + '"11222333000181,x\n",' + SAO_PAULO + "x,"
    )

    assert (result.read, result.places) == (3, BOTH)
    assert [reason for reason, _ in result.rejected] == ["row: wrong number of columns"]


# Larger than one chunk of the scan, so that what is decided for a file is decided for all of it.
@pytest.mark.parametrize("late", ["\r\n", "\r"])
def test_line_ends_that_change_late_in_a_file_are_line_ends(reader: Reader, late: str) -> None:
    early = "".join(f"{n:08}000100,2024-01-31,Natal,RN,1.00\n" for n in range(8_000))
    assert len(early) > scan.CHUNK
    result = reader(HEADER + early + (RECIFE + SAO_PAULO).replace("\n", late))

    assert (result.read, result.rejected) == (8_002, [])
    assert result.places == [
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
    result = reader(
        HEADER.rstrip("\n") + ",nota\n" + row + "," + pad + "ãé€🏙\n" + SAO_PAULO.rstrip("\n") + ",ã\n"
    )

    assert (result.read, result.rejected, result.places) == (2, [], BOTH)


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
    result = reader(REPEATS)

    assert (result.read, len(result.rejected), len(result.companies)) == (6, 1, 3)
    assert result.places == FIRSTS


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
        [retraction] = reading.retraction([{}], [summary.repeated])

    assert (summary.read, summary.rejected, ledger.size(summary.companies)) == (60_000, 0, 30_000)
    assert summary.repeated == summary.companies
    assert added_up(retraction.to_pylist()) == [("Macau", "RN", "-30000.00", -30_000)]


def test_companies_counted_before_add_nothing(reader: Reader) -> None:
    natal, recife = (reader(HEADER + row).companies for row in (NATAL, RECIFE))

    def places(counted: set[int]) -> list[Place]:
        held = ledger.from_ids(np.array(sorted(counted), dtype=np.uint64))
        return reader(REPEATS, counted=held).places

    assert places(set()) == FIRSTS
    assert places(natal) == [p for p in FIRSTS if p[0] != "Natal"]
    assert places(natal | recife) == [p for p in FIRSTS if p[0] == "São Paulo"]
    assert places(reader(REPEATS).companies | {42}) == []


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
            assert added_up(summary.cells.to_pylist()) == BOTH


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
