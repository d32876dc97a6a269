"""One commit as the merge script takes it (`scripts/merge.lua`): keys, and one value in MessagePack."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streaming.domain import catalogue, ledger
from streaming.domain.catalogue import Write
from streaming.domain.cells import Sums
from streaming.domain.groups import FeatureGroup, Fields
from streaming.domain.records import Commit, dump
from streaming.store import formats, keys
from streaming.store.script_runner import packed


def call(
    commit: Commit, key: Callable[[str], str], leases: Mapping[str, str]
) -> tuple[list[str], bytes]:
    """
    Return keys and argument of the script for this commit.

    Args:
        key: puts the prefix before a name.
        leases: the value by key of the leases that have to be held.
    """
    writes, series = _by_kind(catalogue.writes(commit.increments))
    blocks = ledger.pack(commit.blocks)
    shapes: dict[tuple[FeatureGroup, Fields], int] = {}
    flat = [
        part
        for write in writes
        for part in _write(shapes.setdefault((write.group, write.fields), len(shapes) + 1), write.sums)
    ]
    names = [keys.VERSION, keys.COMMIT, keys.FILES, keys.FORMAT]
    names += [ranking.key for ranking in catalogue.RANKINGS]
    names += [write.key for write in writes]
    names += series
    names += [keys.ledger(block) for block in blocks]
    batch = {
        "expected": str(commit.base_version),
        "base": commit.base_commit,
        "id": commit.id,
        "at": commit.at,
        "format": str(formats.FORMAT),
        "first": str(formats.FIRST),
        "prefix": len(key("").encode()),
        "rankings": [{"group": r.group.name, "by": _kind(r.group, r.by)} for r in catalogue.RANKINGS],
        "shapes": [_shape(group, fields) for group, fields in shapes],
        "writes": flat,
        "codes": {number: w.code for number, w in enumerate(writes, 1) if w.code is not None},
        "series": list(series.values()),
        "blocks": list(blocks.values()),
        "leases": list(leases.values()),
        "records": [part for path, record in commit.records.items() for part in (path, dump(record))],
    }
    return [*map(key, names), *leases], packed(batch)


def _by_kind(writes: Iterable[Write]) -> tuple[list[Write], dict[str, list[Any]]]:
    """
    Return what changes one count and total of a key; and by key, what changes others.

    One count and total alone are cheaper as a write; many of one key (its months) as a series.
    """
    single: list[Write] = []
    several: dict[str, list[Write]] = {}
    for write in writes:
        if write.fields.mean is None and write.fields.at is None:
            several.setdefault(write.key, []).append(write)
        else:
            single.append(write)
    series: dict[str, list[Any]] = {}
    for key, own in several.items():
        if len(own) == 1 and own[0].fields.total is not None:
            single += own
        else:
            series[key] = [part for write in own for part in _count(write.fields, write.sums)]
    return single, series


def _shape(group: FeatureGroup, fields: Fields) -> dict[str, str]:
    names = {"count": fields.companies, **fields._asdict()}
    return {"group": group.name, **{kind: name for kind, name in names.items() if name is not None}}


def _kind(group: FeatureGroup, field: str) -> str:
    return "total" if field == group.total else "count"


def _write(shape: int, sums: Sums) -> tuple[int, str, int, int, int]:
    return shape, f"{sums.capital:.2f}", *_money(sums), sums.companies


def _count(fields: Fields, sums: Sums) -> tuple[str, str | bool, int, int, int]:
    return fields.companies, fields.total or False, *_money(sums), sums.companies


def _money(sums: Sums) -> tuple[int, int]:
    return divmod(int(sums.capital * 100), 100)
