"""
Which companies were counted: blocks of roaring bitmaps, and the algebra on them.

A company is the first 12 characters of its CNPJ: 8 of root, 4 of branch ("ordem"); the two check
digits add nothing. Receita Federal numbers roots one after another, so neighbours in time are
neighbours here: a block holds 65,536 roots, and inside a block one bit per (branch, root), ordered
so that head offices of neighbouring roots lie side by side.

    company id (uint64)    1 bit alphanumeric | block (root >> 16) | 21 bits branch | 16 bits root

Alphanumeric CNPJs (Instrução Normativa RFB 2.229/2024, in force since July 2026) read root and
branch in base 36 and have blocks of their own. `companies.sql` makes the ids.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap64

BLOCK_BITS = 37
ALPHANUMERIC = 1 << 63

Ids = NDArray[np.uint64]
Companies = dict[str, BitMap64]
"""A set of companies: the name of each block to the members inside it."""


def of_numbers(numbers: Ids) -> Ids:
    """Return the ids of the companies of these CNPJs, as numbers of 14 digits, in the same order."""
    company = numbers // np.uint64(100)
    root = company // np.uint64(10_000)
    branch = company - root * np.uint64(10_000)
    ids: Ids = (root >> np.uint64(16)) << np.uint64(BLOCK_BITS)
    ids |= branch << np.uint64(16)
    ids |= root & np.uint64(0xFFFF)
    return ids


def from_ids(ids: Ids) -> Companies:
    """Return the set of these company ids; repeats count once."""
    if not len(ids):
        return {}
    if (ids[1:] < ids[:-1]).any():
        ids = np.sort(ids)
    blocks = ids >> np.uint64(BLOCK_BITS)
    starts = np.flatnonzero(np.diff(blocks, prepend=~blocks[:1]))
    inside = ids & np.uint64((1 << BLOCK_BITS) - 1)
    return {
        # Of an array a bitmap is made five times as fast as of NumPy's.
        _name(int(blocks[start])): BitMap64(array("Q", members.tobytes()))
        for start, members in zip(starts, np.split(inside, starts[1:]), strict=True)
    }


def to_ids(companies: Companies) -> Ids:
    """Return the company ids of a set, the inverse of `from_ids`."""
    parts = [
        np.asarray(members.to_array(), dtype=np.uint64) | np.uint64(_number(name) << BLOCK_BITS)
        for name, members in companies.items()
    ]
    return np.concatenate(parts) if parts else np.array([], dtype=np.uint64)


def size(companies: Companies) -> int:
    """Return how many companies a set holds."""
    return sum(len(members) for members in companies.values())


def pack(companies: Companies) -> dict[str, bytes]:
    """Return the blocks as bytes, as small as roaring makes them."""
    packed = {}
    for name, members in companies.items():
        members.run_optimize()
        packed[name] = members.serialize()
    return packed


def unpack(blocks: Mapping[str, bytes | None]) -> Companies:
    """Return the set held in these blocks; a block without bytes is empty."""
    return {name: BitMap64.deserialize(data) if data else BitMap64() for name, data in blocks.items()}


@dataclass(frozen=True)
class Verdict:
    """What of one file is new: how many companies, and which to leave out."""

    new: int
    repeats: Companies


def decide(files: Iterable[Companies], seen: Companies) -> tuple[list[Verdict], Companies]:
    """
    Say of each file, in order, which of its companies were counted before it.

    Guarantee: over all files together, and whatever was in `seen`, each company is new exactly
    once, in the earliest file that has it, or never when `seen` has it.

    Returns:
        One verdict a file, and the blocks that grew (whole, ready to replace the stored ones).
        Neither `seen` nor the files' own sets are changed.
    """
    now = dict(seen)
    grown: set[str] = set()
    verdicts = []
    for companies in files:
        new, repeats = 0, {}
        for name, members in companies.items():
            before = now.get(name, BitMap64())
            counted = members & before
            if counted:
                repeats[name] = counted
            if len(counted) < len(members):
                new += len(members) - len(counted)
                now[name] = before | members
                grown.add(name)
        verdicts.append(Verdict(new, repeats))
    return verdicts, {name: now[name] for name in sorted(grown)}


def blocks(files: Iterable[Companies]) -> Iterator[str]:
    """Return the names of all blocks these files touch, each once, in order."""
    yield from sorted({name for companies in files for name in companies})


def _name(block: int) -> str:
    alphanumeric = ALPHANUMERIC >> BLOCK_BITS
    return f"A{block - alphanumeric}" if block >= alphanumeric else str(block)


def _number(name: str) -> int:
    if name.startswith("A"):
        return int(name[1:]) + (ALPHANUMERIC >> BLOCK_BITS)
    return int(name)
