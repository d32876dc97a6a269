"""
How one file is written: its header, separator, encoding and line ends.

DuckDB reads plain UTF-8 with one kind of line end, in place. Anything else (gzip, Windows-1252, bytes
that are no UTF-8, mixed line ends, something before the header) is turned into that first, in an unnamed
temporary file.
"""

import codecs
import gzip
import io
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from streaming.errors import FileRejected
from streaming.reading import charset, header
from streaming.reading.header import COLUMNS as COLUMNS
from streaming.reading.header import HEADER_BYTES
from streaming.reading.scan import SEPARATORS, chunks, scan

PIECE_BYTES = 8_000_000  # of larger files DuckDB's threads read pieces
# Deflate packs nothing more than 1032 times; companies, each with a CNPJ of its own, never 200 times.
UNPACKED_BYTES = 64 * 1024 * 1024
UNPACKED_RATIO = 200


@dataclass(frozen=True)
class Dialect:
    """
    What a reader has to know about a file; `header` keeps the file's order of columns.

    `rows` is how many lines there are below the header, `balanced` whether quotes are even in number,
    `in_pieces` whether the file is so large that it is read in pieces. `encoding` is that of the file;
    what is read is UTF-8.
    """

    header: tuple[str, ...]
    separator: str
    extra: tuple[str, ...]
    rows: int = 0
    balanced: bool = True
    in_pieces: bool = False
    encoding: str = charset.UTF8

    @property
    def brazilian(self) -> bool:
        """Whether money is written 1.234,56: it is in files separated by semicolons."""
        return self.separator == ";"


class Changed(Exception):
    """The file is gone, or not the one that was looked at."""


@contextmanager
def opened(path: Path, size: int, mtime: int) -> Iterator[int]:
    """
    Open a regular file, never through a link, and yield its descriptor.

    Guarantee: when the block ends without an error, the file had this size (bytes) and mtime
    (nanoseconds) from its beginning to its end.

    Raises:
        Changed: it is gone, or it has or came to have another size or mtime.
        FileRejected: it is a directory, a link, a pipe or anything else but a file.
        OSError: it may not be read.
    """
    # Non-blocking, so that a pipe without a writer does not hold the stream.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Changed from None
    except OSError:
        _check(path.lstat(), size, mtime)
        raise
    try:
        _check(os.fstat(descriptor), size, mtime)
        try:
            yield descriptor
        except FileRejected:
            _check(os.fstat(descriptor), size, mtime)  # broken, or only not finished?
            raise
        _check(os.fstat(descriptor), size, mtime)
    finally:
        os.close(descriptor)


@contextmanager
def plain(descriptor: int, *, gzipped: bool) -> Iterator[tuple[str, Dialect]]:
    """
    Yield a path that DuckDB can read as plain UTF-8, and the dialect.

    The encoding is that of the whole file, see `charset.of`; where that is UTF-8, bytes that are none
    are escaped, see `escapes`. A first line `sep=;` or `sep=,` is skipped, and names the separator.

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
        found = scan(source)
        start = header.start(source)
        dialect = _dialect(start, found.encoding)
        if found.wide:  # DuckDB takes the square of that many columns to say that they are too many
            raise FileRejected(f"a line with more than {SEPARATORS:,} separators")
        plain_header = start.before in (b"", codecs.BOM_UTF8)
        if found.encoding != charset.UTF8 or found.broken or found.mixed or not plain_header:
            copy = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            _normalise(source, copy, len(start.before), found.encoding)
            source = copy
        in_pieces = os.fstat(source.fileno()).st_size > PIECE_BYTES
        rows = found.lines - 1 - (start.separator is not None)
        dialect = replace(dialect, rows=rows, balanced=found.balanced, in_pieces=in_pieces)
        yield f"/proc/self/fd/{source.fileno()}", dialect


def _check(status: os.stat_result, size: int, mtime: int) -> None:
    # First: what became a link meanwhile has changed, and is rejected when it is looked at as one.
    if (status.st_size, status.st_mtime_ns) != (size, mtime):
        raise Changed
    _check_kind(status)


def _check_kind(status: os.stat_result) -> None:
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    if not stat.S_ISREG(status.st_mode):
        raise FileRejected(f"not a file: {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}")


def _unpack(source: IO[bytes], target: IO[bytes]) -> None:
    checked = False
    try:
        for chunk in chunks(gzip.GzipFile(fileobj=source)):  # type: ignore[arg-type]
            target.write(chunk)
            # A header without an end is no CSV: do not unpack gigabytes of zeros to learn that.
            if not checked and target.tell() > HEADER_BYTES:
                header.start(target)
                target.seek(0, io.SEEK_END)
                checked = True
            if target.tell() > max(UNPACKED_BYTES, UNPACKED_RATIO * source.tell()):
                raise FileRejected(f"gzip bomb: unpacks to more than {UNPACKED_RATIO} times its size")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileRejected(f"broken gzip: {error}") from None


def _normalise(source: IO[bytes], target: IO[bytes], start: int, encoding: str) -> None:
    """Copy what begins at this byte as UTF-8, with bytes that are none escaped and LF as line end."""
    decoder = charset.decoder(encoding)
    held = b""
    for chunk in chunks(source, start):
        chunk, held = held + chunk, b""
        if chunk.endswith(b"\r"):
            chunk, held = chunk[:-1], b"\r"
        chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        target.write(decoder.decode(chunk).encode())
    target.write(decoder.decode(b"\n" if held else b"", final=True).encode())


def _dialect(start: header.Start, encoding: str) -> Dialect:
    names, separator = header.columns(start, encoding)
    extra = tuple(name for name in names if name not in COLUMNS)
    return Dialect(names, separator, extra, encoding=encoding)
