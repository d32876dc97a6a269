"""A gzip file read: it means what it holds, or is rejected whole."""

import gzip
import itertools
import zlib

import pytest

from streaming.errors import FileRejected
from tests.reading.files import BOTH, BRAZILIAN, HEADER, NATAL, SAO_PAULO, USUAL, Reader


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
    result = reader(content, "x.csv.gz")

    assert (result.read, result.rejected, result.places) == (2, [], BOTH)


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


@pytest.mark.parametrize("content", [b"", b"\n", bytes(3_000_000)], ids=itertools.count())
def test_a_gzip_file_of_nothing_is_rejected(reader: Reader, content: bytes) -> None:
    with pytest.raises(FileRejected, match=r"^(empty|binary) file$"):
        reader(gzip.compress(content), "x.csv.gz")
