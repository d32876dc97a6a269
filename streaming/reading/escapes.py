"""
Bytes that are no UTF-8, as characters: a file with some is text, its rows judged like any others.

DuckDB rejects a row for a wrong byte only in a column it was asked for, so two queries can disagree
about one row. Here every wrong byte becomes one character of a private area of Unicode. In an ignored
column it does no harm, in the others it fits no rule (`companies.sql`), and the byte can be had again.
"""

import codecs

FIRST = 0x10FE00
"""What is added to a byte, 80 to FF, to get its character."""

_BYTES = {FIRST + byte: 0xDC00 + byte for byte in range(0x80, 0x100)}


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that fails at no byte: those that are not in the encoding become escapes."""
    return codecs.getincrementaldecoder(encoding)("escapes")


def restored(text: str) -> str:
    """Return text with every escaped byte as `surrogateescape` writes it: no byte is lost."""
    return text if text.isascii() else text.translate(_BYTES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError), error
    wrong = error.object[error.start : error.end]
    return "".join(chr(FIRST + byte) for byte in wrong), error.end


codecs.register_error("escapes", _escaped)
