"""
Records in the lines that are not in the usual form, one line at a time.

A line that is no record, and begins like one, may be broken: the next line goes on with it if that does
not begin like a record. Two lines are joined, not more. What then is no record is rejected, never
shifted. Blank lines are nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from streaming.receita.layout import Layout, fields

Counts = Counter[str]


class Record(NamedTuple):
    """The fields of one record, and the number of the line that it begins in."""

    line: int
    fields: list[str]


def records(lines: Iterable[tuple[int, bytes]], layout: Layout) -> tuple[list[Record], Counts]:
    """
    Return the records of these lines, and how many were joined or rejected.

    Args:
        lines: number and content, in order; those in the usual form may be missing.
        layout: of the lines.
    """
    parsed: list[Record] = []
    counts: Counts = Counter()
    broken: tuple[int, bytes] | None = None
    last = -2
    for number, line in lines:
        is_next, last = number == last + 1, number
        if broken is not None and not (is_next and _is_blank(line)):
            goes_on = is_next and not layout.beginning.match(line)
            joined = fields(broken[1] + line, layout) if goes_on else None
            begun, broken = broken, None
            if joined is not None:
                parsed.append(Record(begun[0], joined))
                counts[f"{layout.counted}_linha_quebrada_unida"] += 1
                continue
            counts[rejected(layout)] += 1
        if _is_blank(line):
            continue
        alone = fields(line, layout)
        if alone is not None:
            parsed.append(Record(number, alone))
        elif layout.beginning.match(line):
            broken = number, line
        else:
            counts[rejected(layout)] += 1
    if broken is not None:
        counts[rejected(layout)] += 1
    return parsed, counts


def rejected(layout: Layout) -> str:
    """Return how lines are counted whose columns are not those of the layout."""
    return f"{layout.counted}_colunas"


def _is_blank(line: bytes) -> bool:
    return not line or line.isspace()
