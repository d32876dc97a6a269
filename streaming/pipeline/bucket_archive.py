"""
Moves counted objects out of the way, to `_archive/YYYY-MM/` in their bucket (ARCHIVE=on).

An object store has no rename, so a mover copies an object to a name of its own, one script moves the
record to that copy, and then the landed object is removed if it is still the copied version. Movers need
no lock: whose script comes first wins, and the others remove their copies. The name of a copy has the
identity of its landed object, so a run that sees both, or a copy of a killed mover, knows what they are.
"""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import structlog

from streaming.chunks import batched
from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.errors import LandingZoneAway
from streaming.landing import copies, places, quarantine
from streaming.landing.bucket import Bucket
from streaming.landing.names import is_archived
from streaming.pipeline import archive_warnings
from streaming.settings import Settings
from streaming.store.store import Store

FILES_AT_ONCE = 1000
MOVERS = 16
ORPHAN_SECONDS = 3600
"""After which the copy of a killed mover is removed; a mover needs seconds."""

T = TypeVar("T")
R = TypeVar("R")

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.archive")


class Version(NamedTuple):
    """A landed object as the names of its copies tell it: time (nanoseconds) and identity."""

    landed: int
    identity: str


def version(file: File) -> Version:
    """Return which landed object this is, or is a copy of."""
    if copy := copies.parse(file.path):
        return Version(copy.landed, copy.identity)
    return Version(file.mtime, copies.identity(file))


class BucketArchive:
    """The archive of a landing zone in an object store; `archive.Archive` tells what its methods do."""

    def __init__(self, settings: Settings, store: Store, bucket: Bucket) -> None:
        self._settings = settings
        self._store = store
        self._bucket = bucket
        self._folder = places.quarantine(settings)
        self._orphans_due = 0.0
        self._errors: list[OSError | LandingZoneAway] = []

    def listing(self) -> list[File]:
        """See `Archive`."""
        return self._bucket.archived()

    def elsewhere(self, files: Sequence[File], recorded: Container[str]) -> set[str]:
        """
        See `Archive`.

        A copy is also left out while its landed object is there, which is read instead; and of several
        copies of one object without a record, all but one.
        """
        unrecorded = [file for file in files if file.path not in recorded]
        archived = [file for file in unrecorded if is_archived(file.path)]
        known = {version(file) for file in files if file.path in recorded}
        known |= self._replaced(archived)
        landed = {version(file) for file in unrecorded if not is_archived(file.path)}
        paths = {file.path for file in unrecorded if version(file) in known}
        for file in sorted(archived):
            if (one := version(file)) in landed:
                paths.add(file.path)
            landed.add(one)
        return paths

    def _replaced(self, archived: Sequence[File]) -> set[Version]:
        """Return the versions that were counted under the names from which these are copies."""
        parsed = [copy for file in archived if (copy := copies.parse(file.path))]
        cut = any(copies.is_cut(file.path) for file in archived)  # so its name says not all of it
        records = self._store.records(None if cut else sorted({copy.original for copy in parsed}))
        return {version(record.file(path)) for path, record in records.items()}

    def located(self, records: Mapping[str, Record]) -> dict[str, File]:
        """See `Archive`."""
        files = [*self._bucket.listing(), *self._bucket.archived()]
        paths = {f.path: f for f in files}
        # The name of a copy says nothing of what overwrote it since it was recorded.
        as_named = (f for f in files if f.path not in records or records[f.path].is_of(f))
        versions = {version(f): f for f in as_named}
        located = {}
        for path, record in records.items():
            file = paths.get(path)
            if file is None or not record.is_of(file):
                file = versions.get(version(record.file(path)))  # half moved, or Redis is an older one
            if file is not None:
                located[path] = file
        return located

    def sweep(self) -> int:
        """See `Archive`."""
        if not self._settings.archive or not (landed := self._bucket.listing()):
            return 0
        moved = 0
        self._errors.clear()
        try:
            with ThreadPoolExecutor(MOVERS) as pool:
                for files in batched(landed, FILES_AT_ONCE):
                    moved += self._sweep(files, pool)
            self._remove_orphans()
        except (OSError, LandingZoneAway) as error:
            self._errors.append(error)
        for first in self._errors[:1]:
            archive_warnings.warn(self._bucket, first)
        if moved:
            log.info("archived", files=moved)
        return moved

    def _sweep(self, files: Sequence[File], pool: ThreadPoolExecutor) -> int:
        """Move those of these objects that were ingested, and end the moves of killed movers."""
        records = self._store.records([file.path for file in files])
        self._rescue({f: records[f.path] for f in files if f.path in records})
        counted = [f for f in files if f.path in records and _is_done(records[f.path], f)]
        copied = zip(counted, pool.map(self._tried(self._bucket.copy), counted), strict=True)
        moves = [(file, copy) for file, copy in copied if copy is not None]
        done = self._store.refile(moves)
        mine = [move for move, moved in zip(moves, done, strict=True) if moved]
        others = [copy for (_, copy), moved in zip(moves, done, strict=True) if not moved]
        rescued = self._store.recorded(others)
        unneeded = [copy.path for copy in others if copy.path not in rescued]
        list(pool.map(self._tried(self._bucket.delete), unneeded))
        begun = self._begun([file for file in files if file not in set(counted)])
        list(pool.map(self._tried(self._end), [*mine, *begun]))
        return len(mine) + len(begun)

    def _tried(self, act: Callable[[T], R]) -> Callable[[T], R | None]:
        """Return what does the same and notes an error; after some errors it does nothing any more."""

        def tried(what: T) -> R | None:
            try:
                return act(what) if len(self._errors) < MOVERS else None
            except (OSError, LandingZoneAway) as error:
                self._errors.append(error)
                return None

        return tried

    def _rescue(self, records: Mapping[File, Record]) -> None:
        """
        Move records, of what landed objects were before they were overwritten, to copies of that.

        A mover was killed before it moved them, or Redis is an older one. The version that is there now
        would take the record's place, and the copy would wait to be read a second time.
        """
        before = [r.file(file.path) for file, r in records.items() if not r.is_of(file)]
        wanted = {version(file): file for file in before}
        if wanted:
            kept = {version(f): f for f in self._bucket.archived() if version(f) in wanted}
            self._store.refile([(wanted[one], copy) for one, copy in kept.items()])

    def _end(self, move: tuple[File, File]) -> None:
        """Remove a landed object whose record is that of its copy."""
        landed, copy = move
        if failed := quarantine.rename(self._folder, {landed.path: copy.path}):
            raise failed[landed.path]
        self._bucket.drop_landed(landed)

    def _begun(self, landed: Sequence[File]) -> list[tuple[File, File]]:
        """Return landed objects, each with the copy that has its record."""
        if not landed:
            return []
        wanted = {version(file): file for file in landed}
        archived = [file for file in self._bucket.archived() if version(file) in wanted]
        recorded = self._store.recorded(archived)
        return [(wanted[version(file)], file) for file in archived if file.path in recorded]

    def _remove_orphans(self) -> None:
        """Remove, once in a while, old copies without a record whose object is counted elsewhere."""
        if time.monotonic() < self._orphans_due:
            return
        self._orphans_due = time.monotonic() + ORPHAN_SECONDS
        for path in list(self.orphans()):
            self._bucket.delete(path)
            log.info("copy of a killed run removed", file=path)

    def orphans(self) -> Iterator[str]:
        """Yield the copies that nobody needs: old, and of a version that is here under its record."""
        made = dict(self._bucket.removable())
        # Times of the store alone: its clock may differ from this one.
        before = max(made.values(), default=0) - ORPHAN_SECONDS * copies.SECOND
        files = [*self._bucket.listing(), *made]
        recorded = self._store.recorded(files)
        known = {version(file) for file in files if file.path in recorded}
        for file, instant in made.items():
            if file.path not in recorded and instant < before and version(file) in known:
                yield file.path


def _is_done(record: Record, file: File) -> bool:
    return record.is_of(file) and record.state == "ingested"
