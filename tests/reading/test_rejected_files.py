"""Files that are rejected as a whole, and what is no file."""

import gzip
import itertools
import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from streaming.errors import FileRejected
from tests.reading.files import BOTH, HEADER, NATAL, USUAL, Read, Reader, read


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


@pytest.mark.parametrize("content", [HEADER, HEADER.rstrip(), HEADER + "\n\n", "\ufeff" + HEADER])
def test_a_header_alone_is_a_file_of_no_rows(reader: Reader, content: str) -> None:
    assert reader(content) == Read(0, [], [], set())


def test_a_file_after_a_rejected_one_is_read_as_if_nothing_was(reader: Reader) -> None:
    for poison in (b"", bytes(99), HEADER.encode() + b'"' + NATAL.encode()):
        with suppress(FileRejected):
            reader(poison)

        assert reader(USUAL).places == BOTH
        assert reader(USUAL).rejected == []


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
