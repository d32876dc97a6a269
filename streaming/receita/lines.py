"""
Lines of one block, told apart at once: those in the usual form, with the places of their fields.

The usual form is what nearly all lines have: every field in quotes, and no other quote. Then `";"`
occurs once between two fields and nowhere else, so the places of the fields follow from the places of
`";"` alone, and NumPy finds them for thousands of lines at once. All other lines are for `records`.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.receita import texts
from streaming.receita.layout import Layout
from streaming.receita.pieces import Piece, last_beginning
from streaming.receita.texts import Bytes, Numbers

BLOCK = 1024 * 1024
LONGEST = 64 * 1024 * 1024
"""Bytes after which a block is cut anywhere: no record is that long."""
QUOTE, SEMICOLON, LINE_END = b'";\n'


@dataclass(frozen=True)
class Block:
    """
    A block of whole lines.

    Attributes:
        content: its bytes, without NULs and carriage returns; the last one ends a line.
        array: the same.
        starts: where each line begins.
        ends: where its line end is.
        usual: the numbers of the lines in the usual form.
        separators: where the layout's separators of interest begin in each of these, a row for
            each separator.
        order: of its first byte; grows from block to block and part to part.
    """

    content: bytes
    array: Bytes
    starts: Numbers
    ends: Numbers
    usual: Numbers
    separators: Numbers
    order: int

    def others(self, known: Numbers) -> Iterator[tuple[int, bytes]]:
        """Yield number and content of the lines that are not among these."""
        others = np.ones(len(self.starts), bool)
        others[known] = False
        for number in np.flatnonzero(others).tolist():
            yield number, self.content[self.starts[number] : self.ends[number]]

    def texts(self, places: Numbers, kind: str) -> NDArray[np.unsignedinteger]:
        """Return the texts of a kind (`texts.EIGHT`) that begin at these places."""
        return texts.at(self.array, places, kind)


def blocks(piece: Piece, size: int = BLOCK) -> Iterator[Block]:
    """Yield the lines of a piece in blocks, each of which begins with a record."""
    order = piece.order
    for content in _contents(piece, size):
        yield block(content, piece.layout, order)
        order += len(content)


def _contents(piece: Piece, size: int) -> Iterator[bytes]:
    rest = b""
    with piece.path.open("rb") as reader:
        reader.seek(piece.start)
        if piece.is_first and reader.read(len(BOM_UTF8)) != BOM_UTF8:
            reader.seek(piece.start)
        while chunk := reader.read(min(size, piece.end - reader.tell())):
            rest += chunk
            cut = last_beginning(rest, piece.layout)
            if cut == 0 and len(rest) > LONGEST:
                cut = rest.rfind(b"\n") + 1 or len(rest)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
    if rest:
        yield rest


def block(content: bytes, layout: Layout, order: int = 0) -> Block:
    """Return the lines of this content, the first of which begins a record or goes on with none."""
    if b"\0" in content:
        content = content.replace(b"\0", b"")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    if not content.endswith(b"\n"):
        content += b"\n"
    array = np.frombuffer(content, np.uint8)
    ends = texts.places(array == LINE_END)
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    usual, separators = _usual(array, starts, ends, layout)
    return Block(content, array, starts, ends, usual, separators, order)


def _usual(array: Bytes, starts: Numbers, ends: Numbers, layout: Layout) -> tuple[Numbers, Numbers]:
    """
    Return the numbers of the lines in the usual form, and where their separators of interest begin.

    Such a line has as many separators as the layout, a quote at either end, and no quote besides.
    """
    shortest = 3 * layout.columns - 1
    if len(array) <= shortest:
        return np.empty(0, np.int64), np.empty((len(layout.separators), 0), np.int64)
    quotes = array == QUOTE
    separating = quotes[:-2] & quotes[2:] & (array[1:-1] == SEMICOLON)
    separators = np.flatnonzero(separating)
    first = np.searchsorted(separators, starts)
    fits = np.diff(first, append=len(separators)) == layout.columns - 1
    fits &= ends - starts >= shortest
    # Each place where a quote has to be is changed once. What is True then is a quote inside a field, a
    # missing quote, or one that two separators share (`";";"`, a field that is a semicolon).
    quotes[:-2] ^= separating
    quotes[2:] ^= separating
    quotes[starts] ^= True
    quotes[ends - 1] ^= True
    fits[np.searchsorted(starts, texts.places(quotes), "right") - 1] = False
    usual = np.flatnonzero(fits)
    return usual, separators[np.array(layout.separators)[:, None] + first[usual]]
