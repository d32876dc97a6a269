"""One way to judge a row: every pass over a file, alone or beside others, sees the same rows, and the same of them fit."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streaming import companies, dialect, ledger, quarantine, summaries
from streaming.errors import FileRejected
from streaming.reader import connect
from streaming.sources import Rules, Share, Source, Surplus
from tests.nasty import COLUMNS, Nasty, nasty

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
SEEDS = 40

connection = connect(Share(threads=2))

Sums = dict[tuple[str, str], tuple[Decimal, int]]


def placed(rows: Sequence[dict[str, Any]], sign: int = 1) -> Sums:
    sums: Sums = {}
    for cidade, estado, capital, count in (tuple(row.values()) for row in rows):
        before = sums.get((cidade, estado), (Decimal(0), 0))
        sums[cidade, estado] = (before[0] + sign * capital, before[1] + sign * count)
    return {place: added for place, added in sums.items() if added[1]}


def passes(path: Path) -> tuple[int, int] | str:
    """Read a file in every way there is, each asserted to agree with the first; return rows, and rejected."""
    status = path.stat()
    try:
        with (
            dialect.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
            companies.reading(connection, descriptor, RULES, gzipped=False) as reading,
        ):
            [summary] = reading.summaries()
            rejected = list(reading.rejected())
            assert len(rejected) == summary.rejected, (rejected, summary)
            assert reading.counts() == [summary.read]
            fitting = [row for batch in reading.rows() for row in batch.to_pylist()]
            assert len(fitting) == summary.read - summary.rejected
            assert {row["empresa"] for row in fitting} == names(summary.companies)
            each = [(r["cidade"], r["estado"], r["capital_social"], 1) for r in fitting]
            assert placed([dict(enumerate(row)) for row in each]) == placed(summary.places.to_pylist())
            [all_] = reading.surplus([summary.companies], [{}])
            assert placed(all_.to_pylist(), -1) == placed(summary.places.to_pylist())
            [repeats] = reading.surplus([{}], [summary.repeated])
            firsts: dict[str, dict[str, Any]] = {}
            for row in sorted(fitting, key=lambda r: r["line"]):
                firsts.setdefault(row["empresa"], row)
            once = [dict(enumerate((r["cidade"], r["estado"], r["capital_social"], 1))) for r in firsts.values()]
            assert placed(summary.places.to_pylist() + repeats.to_pylist()) == placed(once)
            return summary.read, summary.rejected
    except FileRejected as error:
        return str(error)


def names(held: ledger.Companies) -> set[str]:
    """Return the numeric companies by their 12 digits."""
    return {
        f"{(i >> 37 << 16) | i & 65535:08}{i >> 16 & 0x1FFFFF:04}" for i in ledger.to_ids(held).tolist()
    }


def laid(directory: Path, files: Sequence[Nasty]) -> list[Source]:
    made = []
    for number, file in enumerate(files):
        path = directory / f"{number}.csv"
        path.write_bytes(file.content)
        status = path.stat()
        made.append(Source(number, path.name, str(path), status.st_size, status.st_mtime_ns))
    return made


def told(sources: list[Source], directory: Path) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {source.number: [] for source in sources}
    for batch in summaries.read(sources, RULES, str(directory), Share()):
        for number, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found[number].append(tuple(values))
    return {number: sorted(rows, key=repr) for number, rows in found.items()}


def fits(row: list[bytes], file: Nasty) -> bool:
    """Judge a row of a file without quotes in plain Python."""
    if len(row) != len(file.header):
        return False
    try:
        value = {name: row[file.header.index(name)].decode() for name in COLUMNS}
    except UnicodeDecodeError:
        return False
    capital = value["capital_social".encode()].strip(" \t")
    return False


def judged(random: Random, directory: Path) -> None:
    """Make some files, and assert that all that reads them agrees."""
    files = [nasty(random, quotes=random.random() < 0.7) for _ in range(random.choice((1, 2, 5, 12)))]
    (directory / "zone").mkdir()
    sources = laid(directory / "zone", files)
    seen = [passes(Path(source.location)) for source in sources]
    together = told(sources, directory / "together")
    alone = {source.number: told([source], directory / "alone")[source.number] for source in sources}
    assert together == alone
    kept = [sorted(map(repr, quarantine.rows(directory / d))) if (directory / d).exists() else [] for d in ("together", "alone")]
    assert kept[0] == kept[1]
    for source in sources:
        [report] = [json.loads(row[0]) for row in together[source.number] if row[0]]
        if report["outcome"] == "read":
            assert seen[source.number] == (report["read"], report["rejected"]), (seen[source.number], report)
        else:
            assert (report["outcome"], report["reason"]) == ("rejected", seen[source.number]), (seen[source.number], report)
    again = []
    for source in sources:
        blocks = {r[1]: r[2] for r in alone[source.number] if r[1]}
        repeated = {r[1]: r[3] for r in alone[source.number] if r[1] and r[3]}
        if blocks:
            counted = dict(random.sample(sorted(blocks.items()), random.randrange(len(blocks) + 1)))
            again.append(replace(source, surplus=Surplus(counted, repeated)))
    if again:
        more = told(again, directory / "together")
        assert more == {s.number: told([s], directory / "alone")[s.number] for s in again}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_pass_over_a_file_judges_its_rows_alike(seed: int, tmp_path: Path) -> None:
    judged(Random(seed), tmp_path)
