"""
EMPRECSV: one line a company; what is kept of each is its root and its capital.

The name is looked at for one thing, whether it is empty, and is not kept: that of a sole trader has the
person's name and CPF in it.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streaming.domain import capitals
from streaming.receita import cnpjs, texts
from streaming.receita.layout import EMPRECSV
from streaming.receita.lines import Block
from streaming.receita.records import Counts, Record, records, rejected
from streaming.receita.rows import Rows, concatenated, where
from streaming.receita.texts import Numbers, Words

ROW = np.dtype([cnpjs.FIELDS[0], ("cents", "<i8"), ("is_stub", "?"), ("order", "<i8")], align=True)
"""A company: root as text, capital in cents or INVALID, order in the files."""

INVALID = -1
NOT_INFORMED = int(capitals.NOT_INFORMED * 100)
"""The mark for a capital that was not informed, in cents."""

CAPITAL = re.compile(r"([0-9]{1,15})(?:,([0-9]{1,2}))?")
NATURE, STUB = re.compile("[0-9]{4}"), "0000"
LARGEST = 16
"""Characters of a capital in the usual form; the mark has 15."""


_BEFORE = np.array([(1 << 8 * many) - 1 for many in range(9)], np.uint64)
"""By number of characters, the mask of those."""


class Values(NamedTuple):
    """Values of companies, a row of ROW each."""

    root: int
    cents: int
    is_stub: bool
    order: int


def read(block: Block) -> tuple[Rows, Counts]:
    """Return the companies of a block, as rows of ROW, and counts of lines joined and rejected."""
    known, usual = _usual(block)
    parsed, counts = records(block.others(known), EMPRECSV)
    careful = [values for record in parsed if (values := _careful(record, block)) is not None]
    counts[rejected(EMPRECSV)] += len(parsed) - len(careful)
    return concatenated([usual, np.array(careful, ROW)]), counts


def cents(text: str) -> int:
    """Return a capital in reais with a decimal comma as cents; INVALID if it is none, as -1 or empty."""
    match = CAPITAL.fullmatch(text)
    if match is None:
        return INVALID
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _usual(block: Block) -> tuple[Numbers, Rows]:
    """Read the lines in the usual form whose fields look as usual; return their numbers too."""
    starts, at = block.starts[block.usual], block.separators
    widths = at[4] - at[3] - 3
    fits = (at[0] - starts == 9) & (at[2] - at[1] == 7) & (widths >= 4) & (widths <= LARGEST)
    fits = np.flatnonzero(fits)
    starts, at, widths = starts[fits], at[:, fits], widths[fits]
    natures = texts.widened(block.texts(at[1] + 3, texts.FOUR))
    cents, is_number = _cents(block, at[4], widths)
    is_read = is_number & texts.are_digits(natures)
    rows = np.empty(len(fits), ROW)
    rows["root"], rows["cents"] = block.texts(starts + 1, texts.EIGHT), cents
    rows["is_stub"] = (at[1] - at[0] == 3) & (natures == texts.ZEROS)
    rows["order"] = block.order + starts
    return block.usual[fits[is_read]], where(rows, is_read)


def _cents(block: Block, ends: Numbers, widths: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the capitals that end at these places (`1000,00`) as cents, and which of them are some."""
    padding = LARGEST - widths
    high = _padded(block.texts(ends - 16, texts.EIGHT), np.minimum(padding, 8))
    low = _padded(block.texts(ends - 8, texts.EIGHT), np.maximum(padding - 8, 0))
    has_comma = low >> np.uint64(40) & np.uint64(0xFF) == ord(",")
    # Five digits, the comma, two digits: a zero before them instead of the comma among them.
    low = low & np.uint64(0xFFFF000000000000) | (low & np.uint64(0xFFFFFFFFFF)) << np.uint64(8)
    low |= np.uint64(ord("0"))
    cents = texts.numbers(high) * np.uint64(10_000_000) + texts.numbers(low)
    return cents.astype(np.int64), has_comma & texts.are_digits(high) & texts.are_digits(low)


def _padded(words: Words, many: Numbers) -> Words:
    """Return texts of eight with the first so many characters replaced by zeros."""
    return words & ~_BEFORE[many] | texts.ZEROS & _BEFORE[many]


def _careful(record: Record, block: Block) -> Values | None:
    """Return the values of one record, or None if its columns are shifted."""
    root, name, nature = (text.strip() for text in record.fields[:3])
    if len(root) != cnpjs.ROOT or not NATURE.fullmatch(nature):
        return None
    return Values(
        texts.word(root, texts.EIGHT),
        cents(record.fields[4].strip()),
        not name and nature == STUB,
        block.order + int(block.starts[record.line]),
    )
