"""
Finds the encoding, line ends, number of lines and quotes of a file in one pass over its bytes.

DuckDB must be told the first two, and its number of rows is compared with the number of lines.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from streaming.reading import charset

CHUNK = 256 * 1024
LONG = 2048
SEPARATORS = 2000


@dataclass(frozen=True)
class Scan:
    """
    The properties of a file's bytes.

    Attributes:
        encoding: `charset.UTF8` or `charset.WINDOWS`.
        broken: the encoding is UTF-8, but some bytes are not.
        mixed: the lines do not all end the same way.
        lines: how many, with the header.
        balanced: the number of quotes is even.
        wide: a line has more than SEPARATORS of one kind.
    """

    encoding: str
    broken: bool
    mixed: bool
    lines: int
    balanced: bool
    wide: bool


def chunks(source: IO[bytes], start: int = 0) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on, in chunks."""
    source.seek(start)
    while chunk := source.read(CHUNK):
        yield chunk


def scan(source: IO[bytes]) -> Scan:
    """Return the properties of a file; reads all of it once, and again if its encoding is in doubt."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid, beyond_ascii, proven, wide, last = True, False, False, False, b""
    before = " "
    returns = feeds = pairs = quotes = 0
    for chunk in chunks(source):
        if valid and not (chunk.isascii() and not decoder.getstate()[0]):
            beyond_ascii = True
            try:
                text = before + decoder.decode(chunk)
                proven = proven or charset.is_proof(text, 1)
                before = text[-1]
            except UnicodeDecodeError:
                valid = False
        else:
            before = chr(chunk[-1])
        if b"\r" in chunk:
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n")
        pairs += last.endswith(b"\r") and chunk.startswith(b"\n")
        feeds += chunk.count(b"\n")
        quotes += chunk.count(b'"')
        wide = wide or _wide(chunk)
        last = chunk[-1:]
    if valid:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            valid = False
    certain = valid and (proven or not beyond_ascii)
    encoding = charset.UTF8 if certain else charset.detect(chunks(source))
    return Scan(
        encoding=encoding,
        broken=encoding == charset.UTF8 and not valid,
        mixed=returns > 0 and not (returns == feeds == pairs),
        lines=feeds + returns - pairs + (last not in b"\r\n"),
        balanced=quotes % 2 == 0,
        wide=wide,
    )


def _wide(chunk: bytes) -> bool:
    """Return whether a long line in this chunk has more than SEPARATORS separators of one kind."""
    if b"\r" in chunk:
        chunk = chunk.replace(b"\r", b"\n")
    start = 0
    while start < len(chunk):
        end = chunk.rfind(b"\n", start, start + LONG)
        if end < 0:
            end = chunk.find(b"\n", start + LONG)
            end = len(chunk) if end < 0 else end
            if max(chunk.count(separator, start, end) for separator in (b",", b";")) > SEPARATORS:
                return True
        start = end + 1
    return False
