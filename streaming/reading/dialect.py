"""
Finds out how a file is written (header, separator, encoding, line ends), and makes it plain for DuckDB.

DuckDB reads plain UTF-8 with one kind of line end in place. Everything else (gzip, Windows-1252, bytes
that are not UTF-8, mixed line ends, lines before the header) is first copied as such into an unnamed
temporary file.
"""

import codecs
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import IO

from streaming.errors import FileRejected
from streaming.landing.names import UNPACKED_BYTES, UNPACKED_RATIO
from streaming.reading import charset, header
from streaming.reading.header import COLUMNS as COLUMNS
from streaming.reading.header import HEADER_BYTES
from streaming.reading.scan import SEPARATORS, chunks, scan

PIECE_BYTES = 8_000_000  # DuckDB's threads read a larger file in pieces


@dataclass(frozen=True)
class Dialect:
    """
    What a reader has to know about a file.

    Attributes:
        header: the names of the columns in the file's order, in small letters.
        separator: `,` or `;`.
        extra: the columns that are ignored.
        rows: the number of lines below the header.
        balanced: the number of quotes is even.
        in_pieces: the file is so large that threads read it in pieces.
        encoding: that of the file; DuckDB reads a copy in UTF-8 if it is another.
    """

    header: tuple[str, ...]
    separator: str
    extra: tuple[str, ...]
    rows: int = 0
    balanced: bool = True
    in_pieces: bool = False
    encoding: str = charset.UTF8

    @property
    def decimal_comma(self) -> bool:
        """Whether money is written 1.234,56, as it is in files separated by semicolons."""
        return self.separator == ";"


@contextmanager
def plain(descriptor: int, *, gzipped: bool) -> Iterator[tuple[str, Dialect]]:
    """
    Yield a path that DuckDB can read as plain UTF-8, and the dialect.

    The whole file decides its encoding (`charset.detect`). If that is UTF-8, bytes that are not are
    escaped (`escapes`). A first line `sep=;` or `sep=,` is skipped, and names the separator.

    Raises:
        FileRejected: empty, binary, broken gzip, UTF-16, or a header without the five columns.
    """
    with ExitStack() as stack:
        source = stack.enter_context(os.fdopen(os.dup(descriptor), "rb", buffering=0))
        source.seek(0)
        if gzipped:
            unpacked = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            _unpack(source, unpacked)
            source = unpacked
        properties = scan(source)
        start = header.start(source)
        dialect = _dialect(start, properties.encoding)
        if properties.wide:  # DuckDB's time to report so many columns grows with their square
            raise FileRejected(f"a line with more than {SEPARATORS:,} separators")
        plain_header = start.before in (b"", codecs.BOM_UTF8)
        if (
            properties.encoding != charset.UTF8
            or properties.broken
            or properties.mixed
            or not plain_header
        ):
            copy = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            _normalise(source, copy, len(start.before), properties.encoding)
            source = copy
        in_pieces = os.fstat(source.fileno()).st_size > PIECE_BYTES
        rows = properties.lines - 1 - (start.separator is not None)
        dialect = replace(dialect, rows=rows, balanced=properties.balanced, in_pieces=in_pieces)
        yield f"/proc/self/fd/{source.fileno()}", dialect


def _unpack(source: IO[bytes], target: IO[bytes]) -> None:
    checked = False
    try:
        for chunk in chunks(gzip.GzipFile(fileobj=source)):  # type: ignore[arg-type]
            target.write(chunk)
            # A header without an end is not CSV: do not unpack gigabytes of zeros to learn that.
            if not checked and target.tell() > HEADER_BYTES:
                header.start(target)
                target.seek(0, io.SEEK_END)
                checked = True
            if target.tell() > max(UNPACKED_BYTES, UNPACKED_RATIO * source.tell()):
                raise FileRejected(f"gzip bomb: unpacks to more than {UNPACKED_RATIO} times its size")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileRejected(f"broken gzip: {error}") from None


def _normalise(source: IO[bytes], target: IO[bytes], start: int, encoding: str) -> None:
    """Copy a file from this byte on: as UTF-8, wrong bytes escaped, LF as line end."""
    decoder = charset.decoder(encoding)
    pending = b""  # a CR at the end of a chunk, which may belong to a CRLF
    for chunk in chunks(source, start):
        chunk, pending = pending + chunk, b""
        if chunk.endswith(b"\r"):
            chunk, pending = chunk[:-1], b"\r"
        chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        target.write(decoder.decode(chunk).encode())
    target.write(decoder.decode(b"\n" if pending else b"", final=True).encode())


def _dialect(start: header.Start, encoding: str) -> Dialect:
    names, separator = header.columns(start, encoding)
    extra = tuple(name for name in names if name not in COLUMNS)
    return Dialect(names, separator, extra, encoding=encoding)
