"""
Finds the header of a file, its separator, and the five columns.

DuckDB has to be told the columns and the separator, so they are read before it.
"""

import codecs
import csv
import re
from collections.abc import Sequence
from typing import IO, NamedTuple

from streaming.errors import FileRejected
from streaming.reading import charset

COLUMNS = ("cnpj", "data_abertura", "cidade", "estado", "capital_social")
HEADER_BYTES = 1024 * 1024
COLUMNS_READ = 1000
HEADER_SHOWN = 100

# Excel reads a first line `sep=;`, and other programs write it for Excel. Programs that take it for a
# row put it in quotes, or fill it up with separators.
_SEP = re.compile(rb'("?)sep=(.?)\1[,;\t ]*', re.IGNORECASE)

# A header split at the wrong separator is one long name: csv's default limit would raise an error.
csv.field_size_limit(HEADER_BYTES)


class Start(NamedTuple):
    """How a file begins: the bytes before its header, the header, and the separator named before it."""

    before: bytes
    header: bytes
    separator: str | None


def start(source: IO[bytes]) -> Start:
    """
    Return how a file begins; blank lines, and a line that names the separator, may precede the header.

    Raises:
        FileRejected: there is no header: the file is empty, binary or UTF-16, or the line is too long.
    """
    source.seek(0)
    begin = source.read(HEADER_BYTES + 1)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileRejected("UTF-16: save it as UTF-8")
    rest = begin.removeprefix(codecs.BOM_UTF8)
    line, rest = _first_line(rest)
    separator = None
    if named := _SEP.fullmatch(line):
        separator = named[2].decode("latin-1")
        if separator not in (",", ";"):
            raise FileRejected(f"separator {separator!r} in the first line: only , and ; are read")
        line, rest = _first_line(rest[len(line) :])
    if len(line) > HEADER_BYTES - 8 or (len(line) == len(rest) and len(begin) > HEADER_BYTES):
        raise FileRejected(f"header longer than {HEADER_BYTES:,} bytes{_as_read(line)}")
    return Start(begin[: len(begin) - len(rest)], line, separator)


def columns(start: Start, encoding: str) -> tuple[tuple[str, ...], str]:
    """
    Return the names of the columns, in small letters, and the separator.

    Raises:
        FileRejected: one of the five columns is missing or doubled, or there are too many columns.
    """
    line = charset.decode(start.header, encoding)
    candidates = {}
    for separator in start.separator or ",;":
        candidates[separator] = tuple(name.strip().lower() for name in _fields(line, separator))
    separator = max(candidates, key=lambda s: len(set(COLUMNS) & set(candidates[s])))
    names = candidates[separator]
    if reason := _unfit(names):
        by = f", separated by {separator} as the first line says" if start.separator else ""
        raise FileRejected(f"{reason}{by}{_as_read(start.header, encoding)}")
    return names, separator


def _first_line(text: bytes) -> tuple[bytes, bytes]:
    """Return the first line that is not blank, and the text from there on."""
    if not text.strip():
        raise FileRejected("empty file")
    text = text.lstrip(b"\r\n")
    line = re.split(rb"\r|\n", text, maxsplit=1)[0]
    if b"\0" in line:
        raise FileRejected("binary file")
    return line, text


def _as_read(header: bytes, encoding: str = charset.UTF8) -> str:
    """Return how a reason shows the header: shortened, and with nothing that a terminal obeys."""
    text = charset.decode(header[: HEADER_SHOWN * 4], encoding)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(shown) > HEADER_SHOWN:
        shown = f"{shown[:HEADER_SHOWN]}…"
    return f"; read as the header: {shown}"


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _unfit(names: Sequence[str]) -> str | None:
    """Return why these cannot be the columns of a file, or None."""
    if len(names) > COLUMNS_READ:
        return f"{len(names):,} columns, more than {COLUMNS_READ:,}"
    if missing := [name for name in COLUMNS if name not in names]:
        return f"missing column: {', '.join(missing)}"
    if doubled := [name for name in COLUMNS if names.count(name) > 1]:
        return f"column twice: {', '.join(doubled)}"
    return None
