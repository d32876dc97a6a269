"""Pieces: the same records wherever a file is cut; zips, and what is wrong with some."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import EnvironmentRefused, Stopped
from streaming.receita import names
from streaming.receita.layout import ESTABELE
from streaming.receita.names import Part
from streaming.receita.pieces import Pieces
from tests.examples import examples
from tests.receita.files import (
    EMPRECSV as EMPRECSV_NAME,
)
from tests.receita.files import (
    ESTABELE as ESTABELE_NAME,
)
from tests.receita.files import company, establishment, read, read_lines, row

WHOLE = establishment(street="DAS FLORES FICTICIAS")
LINES = st.sampled_from(
    [
        WHOLE,
        establishment(root="99990002", digits="32", street='RUA "DO ZE"'),
        establishment(root="99990003", digits="87", street="RUA\x00; DO ZE"),
        establishment(root="99990004", opened="0"),
        establishment(root="9999"),
        establishment(extra="FUNDOS\nCASA 2"),
        establishment(extra="FUNDOS\r\nCASA 2"),
        WHOLE[:90],
        WHOLE[90:],
        "",
        "CASA 2",
    ]
)


@examples(60)
@given(st.lists(LINES, max_size=12), st.integers(1, 700), st.sampled_from([1, 3]))
def test_the_same_records_come_out_at_any_cut(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int, groups: int
) -> None:
    companies = [company(f"9999000{number}") for number in range(1, 4)]

    whole = read_lines(tmp_path_factory.mktemp("whole"), texts, companies)
    cut = read_lines(tmp_path_factory.mktemp("cut"), texts, companies, size=size, groups=groups)

    assert cut == whole


@pytest.mark.parametrize("size", [1, 100, 250, 251, 10_000])
def test_a_zip_gives_what_the_plain_file_gives(size: int, tmp_path: Path) -> None:
    texts = [establishment(root=f"9999000{n}", extra="A\nB" * (n % 2)) for n in range(1, 6)]
    companies = [company(f"9999000{n}") for n in range(1, 6)]
    plain = read_lines(tmp_path / "plain", texts, companies)
    (tmp_path / "zip").mkdir()
    for number, name in enumerate((ESTABELE_NAME, EMPRECSV_NAME)):
        _zip(tmp_path / "zip" / f"part{number}", name, (tmp_path / "plain" / name).read_bytes())

    assert read(tmp_path / "zip", size=size) == plain
    assert len(plain.rows) == 5


def test_a_zip64_of_unknown_size_is_read(tmp_path: Path) -> None:
    for name, text in ((ESTABELE_NAME, establishment()), (EMPRECSV_NAME, company())):
        with (
            zipfile.ZipFile(tmp_path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(name, "w", force_zip64=True) as member,
        ):
            member.write(f"{text}\n".encode())

    assert read(tmp_path).rows == [row()]


def test_a_zip_whose_content_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Estabelecimentos0.zip"
    _zip(path, ESTABELE_NAME, f"{establishment()}\n".encode() * 100)
    content = bytearray(path.read_bytes())
    content[len(ESTABELE_NAME) + 60] ^= 0xFF
    path.write_bytes(content)
    (tmp_path / EMPRECSV_NAME).write_text(company())

    with pytest.raises(EnvironmentRefused, match=rf"{path} cannot be unpacked .*download it again"):
        read(tmp_path)


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    _zip(path, ESTABELE_NAME, b"x")
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    path.write_bytes(content)
    (tmp_path / EMPRECSV_NAME).write_text(company())

    with pytest.raises(EnvironmentRefused, match="password"):
        read(tmp_path)


def test_more_than_there_is_room_for_is_refused_at_once(tmp_path: Path) -> None:
    huge = Part(tmp_path / "x.zip", ESTABELE_NAME, ESTABELE, "D60808", is_zipped=True, size=10**18)

    with pytest.raises(EnvironmentRefused, match=r"unpacking takes 1000000000.0 GB.*TMPDIR"):
        Pieces(tmp_path).of([huge])


def test_unpacking_ends_soon_when_it_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    _zip(path, ESTABELE_NAME, f"{establishment()}\n".encode() * 100_000)
    part = Part(path, ESTABELE_NAME, ESTABELE, "D60808", is_zipped=True, size=0)
    (tmp_path / "pieces").mkdir()
    reports: list[str] = []

    def stop(text: str) -> None:
        reports.append(text)
        pieces.stop()

    pieces = Pieces(tmp_path / "pieces", stop)
    with pytest.raises(Stopped, match="stopped while files were unpacked"):
        pieces.of([part])
    assert len(reports) == 1


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    for name, text in ((ESTABELE_NAME, establishment()), (EMPRECSV_NAME, company())):
        (tmp_path / name).write_text(text)
    parts = names.parts([tmp_path])
    (tmp_path / ESTABELE_NAME).unlink()

    with pytest.raises(EnvironmentRefused, match=f"{ESTABELE_NAME} cannot be read: No such file"):
        Pieces(tmp_path).of(parts)


def _zip(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
