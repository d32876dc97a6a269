"""
Turns bytes that are not UTF-8 into characters and back, so that their rows are judged like all others.

DuckDB rejects a row with a wrong byte only if a query asks for its column, so two queries can disagree
about one row. Here every wrong byte becomes one character of a private area of Unicode. In an ignored
column it does no harm, in the others it fits no rule (`companies.sql`), and `restored` returns the byte.
"""

import codecs

FIRST = 0x10FE00
"""Added to a byte, 80 to FF, gives its character."""

_BYTES = {FIRST + byte: 0xDC00 + byte for byte in range(0x80, 0x100)}


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that accepts every byte: those that the encoding does not know become escapes."""
    return codecs.getincrementaldecoder(encoding)("escapes")


def restored(text: str) -> str:
    """Return text with every escaped byte as `surrogateescape` writes it: no byte is lost."""
    return text if text.isascii() else text.translate(_BYTES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError), error
    wrong = error.object[error.start : error.end]
    return "".join(chr(FIRST + byte) for byte in wrong), error.end


codecs.register_error("escapes", _escaped)
