"""
Writes the tables of docs/features.md from the catalogue: `python scripts/feature_table.py`.

A test compares them with the catalogue, and with what is in Redis after a run.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from streaming.domain import catalogue
from streaming.domain.cells import BANDS, BOUNDS
from streaming.domain.groups import FeatureGroup, Ranking

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "features.md"
BEGIN, END = "<!-- features: begin -->", "<!-- features: end -->"

REAIS, COMPANIES = "reais, two decimals", "companies"
CENT, EXACT = "to the cent", "exact"
EACH, ONCE = "with each commit that adds companies to it", "when the key is made"


class Row(NamedTuple):
    """
    One field of one kind of key, or one kind of member of a ranking.

    `key` and `field` are templates: each name in braces stands for any value of it.
    """

    key: str
    field: str
    meaning: str
    unit: str
    exactness: str
    updated: str


def rows() -> list[Row]:
    """Return a row for each field of each feature group, and for the members of each ranking."""
    hashes = [row for group in catalogue.GROUPS for row in _fields(group)]
    return hashes + [_members(ranking) for ranking in catalogue.RANKINGS]


def text() -> str:
    """Return both tables as Markdown: what each key holds, then its fields."""
    keys = [(g.key, "hash", g.about) for g in catalogue.GROUPS]
    keys += [(r.key, "sorted set", r.about) for r in catalogue.RANKINGS]
    about = [(f"`{key}`", kind, holds) for key, kind, holds in keys]
    fields = [(f"`{row.key}`", f"`{row.field}`", *row[2:]) for row in rows()]
    return "\n".join([*_table(("key", "type", "holds"), about), "", *_table(Row._fields, fields)])


def main() -> None:
    """Put the tables into the document, between the markers."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text()}\n{END}{after}", "utf-8")


def _fields(group: FeatureGroup) -> Iterator[Row]:
    month = " of companies opened in that month" if "mes" in group.columns else ""
    if group.total:
        yield Row(group.key, group.total, f"sum of the capital{month}", REAIS, CENT, EACH)
    if group.count == "{faixa}":
        for band, meaning in zip(BANDS, _bands(), strict=True):
            yield Row(group.key, band, meaning, COMPANIES, EXACT, EACH)
    else:
        yield Row(group.key, group.count, f"number{month or ' of companies'}", COMPANIES, EXACT, EACH)
    if group.mean:
        meaning = f"`{group.total}` / `{group.count}`"
        yield Row(group.key, group.mean, meaning, REAIS, "half up to the cent", EACH)
    if group.at:
        meaning = "instant of the last commit that changed the key"
        yield Row(group.key, group.at, meaning, "ISO 8601, UTC", "microseconds", EACH)
    if group.code:
        meaning = "code of the municipality; absent where the city is none"
        yield Row(group.key, group.code, meaning, "IBGE code, 7 digits", EXACT, ONCE)


def _bands() -> Iterator[str]:
    yield "companies with a capital of 0"
    for low, high in pairwise(BOUNDS):
        yield f"companies with a capital above {low:,} and up to {high:,} reais"
    yield f"companies with a capital above {BOUNDS[-1]:,} reais"


def _members(ranking: Ranking) -> Row:
    money = ranking.by == ranking.group.total
    unit, exactness = (
        ("reais", "a double: to the cent up to 9e13 reais") if money else (COMPANIES, EXACT)
    )
    meaning = f"score: `{ranking.by}` of that key"
    return Row(ranking.key, ranking.group.key, meaning, unit, exactness, EACH)


def _table(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for cells in lines:
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
