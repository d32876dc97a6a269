"""What is kept in Redis, as values: records of files, features, and what one commit changes."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from streaming.domain import ledger
from streaming.domain.cells import Increments
from streaming.domain.file import File

At = tuple[int, str]
"""A commit: its version and its instant."""

EARLIER_COMMITS = 1000


@dataclass(frozen=True)
class Record:
    """
    What became of one file; `read` = `new` + `duplicates` + `rejected`, always.

    `size` in bytes, `mtime` in nanoseconds and `tag` (of an object) identify what was read under this
    path. `state` is
    `ingested` or `rejected` (the file as a whole, with its `reason`). `at` is the commit's instant.
    Files were ingested in the order of (`version`, `order`). `earlier` is how many companies were new
    in what this path held before it was overwritten, `earlier_commits` are the commits that brought
    them (the last 1,000). `unrecognised` is how many of the rows that fit, repeated ones too, have a
    city that is no municipality of its state.
    """

    size: int
    mtime: int
    read: int
    new: int
    duplicates: int
    rejected: int
    state: str
    version: int
    at: str
    reason: str | None = None
    order: int = 0
    earlier: int = 0
    earlier_commits: tuple[At, ...] = ()
    unrecognised: int = 0
    tag: str = ""

    def file(self, path: str) -> File:
        """Return the file that was read under this path."""
        return File(self.mtime, path, self.size, self.tag)

    def commits(self) -> tuple[At, ...]:
        """Return the commits at which what this path holds, or held, brought companies."""
        own = ((self.version, self.at),) if self.new else ()
        return (*self.earlier_commits, *own)[-EARLIER_COMMITS:]

    def is_of(self, file: File) -> bool:
        """Return whether this is the record of the file as it is now."""
        return (self.size, self.mtime, self.tag) == (file.size, file.mtime, file.tag)


@dataclass(frozen=True)
class Commit:
    """
    One batch, ready to be merged.

    Attributes:
        base_version: the version it was computed against.
        at: the instant of the commit, ISO 8601 with microseconds, UTC.
        increments: what is added, by place.
        blocks: the ledger's blocks that grew, whole.
        records: what becomes of each file, by path.
        base_commit: the id of the commit it was computed against, if it matters which.
        id: its own id.
    """

    base_version: int
    at: str
    increments: Increments
    blocks: ledger.Companies
    records: dict[str, Record]
    base_commit: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class LastAudit:
    """What the last audit found: its instant (ISO 8601, UTC), the version, and how many differences."""

    at: str
    version: int
    differences: int


def dump(record: Record) -> str:
    """Return a record as it is stored."""
    values = dict(vars(record))  # asdict would copy what is in it, at 30 times the time
    # What identifies the file comes first: see `record_prefix`.
    ordered = {name: values.pop(name) for name in ("size", "mtime", "tag")} | values
    for name in ("tag", "earlier_commits", "unrecognised"):
        if not ordered[name]:  # as nearly always
            del ordered[name]
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))


def load(stored: bytes | str) -> Record:
    """Return a stored record; raises ValueError or TypeError where it is none."""
    values: dict[str, Any] = dict(**json.loads(stored))
    earlier = tuple((int(version), str(at)) for version, at in values.pop("earlier_commits", ()))
    return Record(**values, earlier_commits=earlier)


def record_prefix(file: File) -> bytes:
    """Return how every stored record of this file begins: cheaper to compare than to load."""
    tag = f'"tag":{json.dumps(file.tag, ensure_ascii=False)},' if file.tag else ""
    return f'{{"size":{file.size},"mtime":{file.mtime},{tag}'.encode()
