"""One commit as the merge script takes it (`scripts/merge.lua`): keys, and one value in MessagePack."""

from collections.abc import Callable
from uuid import uuid4

from streaming.domain import catalogue, ledger
from streaming.domain.catalogue import FeatureGroup, Sums
from streaming.domain.records import Commit, dump
from streaming.store import formats, keys
from streaming.store.script_runner import packed


def call(commit: Commit, key: Callable[[str], str]) -> tuple[list[str], bytes]:
    """Return keys and argument of the script for this commit; `key` puts the prefix before a name."""
    writes = list(catalogue.writes(commit.increments))
    blocks = ledger.pack(commit.blocks)
    shapes: dict[FeatureGroup, int] = {}
    for write in writes:
        shapes.setdefault(write.group, len(shapes) + 1)
    names = [keys.VERSION, keys.COMMIT, keys.FILES, keys.FORMAT]
    names += [write.key for write in writes]
    names += [keys.ledger(block) for block in blocks]
    batch = {
        "expected": str(commit.base_version),
        "base": commit.base_commit,
        "id": uuid4().hex,
        "at": commit.at,
        "format": str(formats.FORMAT),
        "first": str(formats.FIRST),
        "shapes": [_shape(group) for group in shapes],
        "writes": [part for write in writes for part in _write(shapes[write.group], write.sums)],
        "blocks": list(blocks.values()),
        "records": [part for path, record in commit.records.items() for part in (path, dump(record))],
    }
    return [key(name) for name in names], packed(batch)


def _shape(group: FeatureGroup) -> dict[str, str]:
    named = {"total": group.total, "count": group.count, "mean": group.mean, "at": group.at}
    return {kind: name for kind, name in named.items() if name is not None}


def _write(shape: int, sums: Sums) -> tuple[int, str, int, int, int]:
    cents = int(sums.capital * 100)
    return shape, f"{sums.capital:.2f}", cents // 100, cents % 100, sums.companies
