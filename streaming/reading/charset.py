"""
Detects the encoding of a file, and decodes it.

A file is UTF-8 or Windows-1252, which is Latin-1 with quotes, dashes and € in place of control
characters. All of its bytes decide. In Windows-1252 nearly every accented letter of Portuguese stands
alone, which UTF-8 does not allow; in damaged UTF-8 nearly all of them are still valid sequences.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain

from streaming.reading import escapes

UTF8 = "utf-8"
WINDOWS = "windows-1252"

USUAL_WEIGHT = 10

# Five bytes have no character in Windows-1252. They become the control characters of Latin-1: a rule
# may reject their row, but they never reject the file.
UNDEFINED = b"\x81\x8d\x8f\x90\x9d"

_ESCAPES = {byte: 0xDC00 + byte for byte in UNDEFINED}
_TABLE = "".join(
    bytes([byte]).decode("latin-1" if byte in UNDEFINED else WINDOWS) for byte in range(256)
)

# Text is bytes read as UTF-8, where an invalid byte N is the character DC00 + N ("surrogateescape").
_BEYOND_ASCII = re.compile("[\x80-\U0010ffff]")
_INVALID = re.compile("[\udc80-\udcff]")
# What Brazilian text has beyond ASCII: letters of Latin-1, accents, quotes and dashes, €, a byte order
# mark, the replacement character, emoji. In Windows-1252 that is `Ã£` or `â€œ`, which no text has.
_USUAL = re.compile("[\xa0-\xff\u0300-\u033f\u2000-\u203f\u20ac\ufeff\ufffd\U0001f000-\U0001ffff]")
# In Windows-1252 a capital letter after another capital, and what continues its byte by accident: Ç É Ê
# Í Ó Ô Õ Ú Ü as in MACEIÓ before a no-break space, Ã as in PORÃ before a dash or a quote. In UTF-8 that
# is a letter of Abkhaz or of a phonetic alphabet, or `à` or `Ö` after a capital: no Brazilian text.
_AFTER_CAPITAL = "(?<=[A-Z\udcc0-\udcdd].)"
_ACCIDENT = re.compile(
    "[ÅÒÖ\xd7àû\u01c0-\u01ff\u0240-\u02bf\u0340-\u037f\u04c0-\u057f\u0680-\u06bf\u0700-\u073f]"
    + _AFTER_CAPITAL
)
_EITHER = re.compile(f"Ô{_AFTER_CAPITAL}(?![A-Za-z\x80-\U0010ffff])")  # METRÔ, or PORÃ before a quote


def is_proof(text: str, start: int = 0) -> bool:
    """Return whether valid UTF-8, as text from `start` on, has a character that is no accident."""
    return any(
        not _ACCIDENT.match(text, char.start()) and not _EITHER.match(text, char.start())
        for char in _BEYOND_ASCII.finditer(text, start)
    )


def detect(chunks: Iterable[bytes]) -> str:
    """
    Return the encoding of a file that is neither ASCII nor proven UTF-8: UTF8 or WINDOWS.

    It is UTF-8 if its valid characters outweigh its invalid bytes and the characters that are valid by
    accident. Usual characters count ten times, as they hardly ever happen by accident. In doubt it is
    UTF-8: a row rejected with its bytes is better than a city `SÃ£o Paulo`.
    """
    decoder = codecs.getincrementaldecoder(UTF8)("surrogateescape")
    beyond: Counter[str] = Counter()
    accidents: Counter[str] = Counter()
    either: Counter[str] = Counter()
    last = " "
    for chunk in chain(chunks, [b""]):
        text = last + decoder.decode(chunk, final=not chunk)
        last = text[-1]
        beyond.update(_BEYOND_ASCII.findall(text, 1))
        accidents.update(_ACCIDENT.findall(text, 1))
        either.update(_EITHER.findall(text, 1))
    certain = beyond - accidents - either
    windows = accidents.total() + sum(n for char, n in certain.items() if _INVALID.match(char))
    utf8 = sum(
        n * (USUAL_WEIGHT if _USUAL.match(char) else 1)
        for char, n in certain.items()
        if not _INVALID.match(char)
    )
    return WINDOWS if windows and windows >= utf8 else UTF8


def escaped(text: str, encoding: str) -> str:
    """Return decoded text so that `encode(encoding, "surrogateescape")` gives its bytes back."""
    return text.translate(_ESCAPES) if encoding == WINDOWS else text


def decode(data: bytes, encoding: str) -> str:
    """Return bytes as text; in UTF-8 invalid bytes are replaced, in Windows-1252 no byte is invalid."""
    if encoding == WINDOWS:
        return codecs.charmap_decode(data, "strict", _TABLE)[0]
    return data.decode(errors="replace")


class _Windows(codecs.IncrementalDecoder):
    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return decode(data, WINDOWS)


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that accepts every byte; for UTF-8 it is the one of `escapes`."""
    return _Windows() if encoding == WINDOWS else escapes.decoder(encoding)
