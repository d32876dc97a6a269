"""
ESTABELE: one line an establishment; which of them count, and what is kept of each.

Kept are CNPJ, date, municipality and whether it is the head office. The rules are those of Receita
Federal's layout and of the errors that readers of these files have reported (docs/receita.md).
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streaming.receita import cnpjs, dates, places, texts
from streaming.receita.dates import Interval
from streaming.receita.layout import ESTABELE
from streaming.receita.lines import Block
from streaming.receita.records import Counts, Record, records, rejected
from streaming.receita.rows import Rows, concatenated, where
from streaming.receita.texts import Numbers

_FIELDS = [*cnpjs.FIELDS, ("date", "<i4"), ("place", "<i2"), ("is_branch", "?"), ("order", "<i8")]
# Aligned: rows of 32 bytes are sorted faster than shorter ones of an odd length.
ROW = np.dtype(_FIELDS, align=True)
"""An establishment: CNPJ, date as AAAAMMDD, number of its municipality, order in the files."""

SEEN = np.dtype([*_FIELDS, ("situation", "<i2"), ("code", "<i2"), ("state", "<u2")], align=True)
"""An establishment that is not judged yet; a situation of -1 is no number."""

NULL, SITUATIONS = 1, (2, 3, 4, 8)
"""SITUAÇÃO CADASTRAL: null (never valid); active, suspended, unfit, closed."""

HEAD_OFFICE, BRANCH = b"12"
UF, CODE, SITUATION = re.compile("[A-Z]{2}"), re.compile("[0-9]{1,4}"), re.compile("[0-9]{1,2}")


@dataclass(frozen=True)
class Rules:
    """The dates asked for, and whether branches are asked for beside head offices."""

    interval: Interval
    branches: bool = False


def read(block: Block, rules: Rules) -> tuple[Rows, Counts]:
    """Return the establishments of a block that count, as rows of ROW, and counts of the others."""
    counts: Counts = Counter()
    known, usual = _usual(block, rules, counts)
    parsed, others = records(block.others(known), ESTABELE)
    counts += others
    if not parsed:
        return _judged(usual, rules, counts), counts
    careful = [values for record in parsed if (values := _careful(record, block)) is not None]
    counts[rejected(ESTABELE)] += len(parsed) - len(careful)
    rows = np.array(careful, SEEN)
    asked = where(rows, _asked(rows["date"], rules, counts))
    return _judged(concatenated([usual, asked]), rules, counts), counts


def _usual(block: Block, rules: Rules, counts: Counts) -> tuple[Numbers, Rows]:
    """
    Read the lines in the usual form whose fields have their usual widths.

    Returns:
        Their numbers, and rows of SEEN of those with a date that is asked for; the others are counted.
    """
    starts, at = block.starts[block.usual], block.separators
    fits = (at[0] - starts == 9) & (at[1] - at[0] == 7) & (at[2] - at[1] == 5) & (at[3] - at[2] == 4)
    fits &= (at[5] - at[4] == 5) & (at[7] - at[6] == 11) & (at[9] - at[8] == 5) & (at[10] - at[9] == 7)
    fits = np.flatnonzero(fits)
    starts, at = starts[fits], at[:, fits]
    flags = block.texts(starts + 24, texts.ONE)
    dates_ = block.texts(at[6] + 3, texts.EIGHT)
    codes = texts.widened(block.texts(at[9] + 3, texts.FOUR))
    situations = texts.widened(block.texts(at[4] + 3, texts.TWO))
    states = block.texts(at[8] + 3, texts.TWO)
    is_read = (flags == HEAD_OFFICE) | (flags == BRANCH)
    for digits in (dates_, codes, situations):
        is_read &= texts.are_digits(digits)
    letters = texts.as_bytes(states) - np.uint8(ord("A")) <= 25
    is_read &= letters[:, 0] & letters[:, 1]
    opened = texts.numbers(dates_).astype(np.int32)
    asked = is_read.copy()
    asked[is_read] = _asked(opened[is_read], rules, counts)
    asked = np.flatnonzero(asked)
    starts = starts[asked]
    rows = np.empty(len(asked), SEEN)
    rows["root"] = block.texts(starts + 1, texts.EIGHT)
    rows["branch"] = block.texts(starts + 12, texts.FOUR)
    rows["digits"] = block.texts(starts + 19, texts.TWO)
    rows["date"], rows["is_branch"] = opened[asked], flags[asked] == BRANCH
    rows["situation"], rows["code"] = texts.numbers(situations[asked]), texts.numbers(codes[asked])
    rows["state"], rows["order"] = states[asked], block.order + starts
    return block.usual[fits[is_read]], rows


def _careful(record: Record, block: Block) -> tuple[object, ...] | None:
    """Return the values of one record as a row of SEEN, or None if its columns are shifted."""
    root, branch, digits, flag = (text.strip() for text in record.fields[:4])
    uf, code = record.fields[19].strip(), record.fields[20].strip()
    if flag not in ("1", "2") or not UF.fullmatch(uf) or not CODE.fullmatch(code):
        return None
    if (len(root), len(branch), len(digits)) != (8, 4, 2):
        root, branch, digits = "?" * 8, "?" * 4, "??"  # no valid CNPJ
    situation = record.fields[5].strip()
    return (
        texts.word(root, texts.EIGHT),
        texts.word(branch, texts.FOUR),
        texts.word(digits, texts.TWO),
        dates.parsed(record.fields[10].strip()),
        places.UNKNOWN,
        flag == "2",
        block.order + int(block.starts[record.line]),
        int(situation) if SITUATION.fullmatch(situation) else -1,
        int(code),
        texts.word(uf, texts.TWO),
    )


def _asked(opened: NDArray[np.int32], rules: Rules, counts: Counts) -> NDArray[np.bool_]:
    """Return which dates are asked for, and count the others by reason."""
    reasons = dates.reasons(opened, rules.interval)
    for reason, many in zip(dates.REASONS, np.bincount(reasons + 1, minlength=5)[1:], strict=True):
        counts[reason] += int(many)
    return reasons < 0


def _judged(rows: Rows, rules: Rules, counts: Counts) -> Rows:
    """Return those that count as rows of ROW, and count the others by the first reason that applies."""
    numbers = places.numbers(rows["code"], rows["state"])
    counting = np.ones(len(rows), bool)
    for reason, applies in (
        ("situacao_nula", rows["situation"] == NULL),
        ("situacao_invalida", ~np.isin(rows["situation"], SITUATIONS)),
        ("exterior", (rows["state"] == places.ABROAD_UF) | (rows["code"] == places.ABROAD_CODE)),
        ("filial", rows["is_branch"] & (not rules.branches)),
        ("cnpj_invalido", ~cnpjs.are_valid(rows)),
        ("municipio_invalido", numbers == places.UNKNOWN),
    ):
        counts[reason] += int(np.count_nonzero(counting & applies))
        counting &= ~applies
    kept = np.empty(int(np.count_nonzero(counting)), ROW)
    for name in ROW.names or ():
        kept[name] = rows[name][counting]
    kept["place"] = numbers[counting]
    return kept
