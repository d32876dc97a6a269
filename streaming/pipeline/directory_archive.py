"""
Moves counted files out of the way, to `_archive/YYYY-MM/` in the landing zone (ARCHIVE=on).

The record of a file in Redis is stored under the file's path, so both move: first the record, in one
script, then the file. Its path in the archive, its *home*, follows from its name, size and time alone.
So a run that finds a record in the archive and the file still in the landing zone (a killed run leaves
them so) knows that they belong together. An archive that cannot be written stops nothing.
"""

import errno
import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import uuid4

import structlog

from streaming import locks
from streaming.chunks import batched
from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import local, moving, places, quarantine
from streaming.landing.names import ARCHIVE
from streaming.pipeline import archive_warnings
from streaming.pipeline.homes import archive_paths, original_name, tagged
from streaming.settings import Settings
from streaming.store.store import Store

MONTH = re.compile(rf"{ARCHIVE}/\d{{4}}-\d\d")
FILES_AT_ONCE = 1000
FULL = errno.ENOSPC, errno.EDQUOT, errno.EROFS

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.archive")


class DirectoryArchive:
    """The archive of a landing zone that is a directory; `archive.Archive` tells what its methods do."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._landing_zone = settings.landing_directory

    def listing(self) -> list[File]:
        """See `Archive`."""
        return listing(self._landing_zone)

    def elsewhere(self, files: Sequence[File], recorded: Container[str]) -> set[str]:
        """See `Archive`."""
        unrecorded = [file for file in files if file.path not in recorded]
        return set(half_moved(unrecorded, self._landing_zone, self._store))

    def located(self, records: Mapping[str, Record]) -> dict[str, File]:
        """See `Archive`."""
        files = ((path, _locate(path, record, self._landing_zone)) for path, record in records.items())
        return {path: file for path, file in files if file is not None}

    def sweep(self) -> int:
        """See `Archive`."""
        return sweep(self._settings, self._store)


def listing(landing_zone: Path) -> list[File]:
    """
    Return the files of the archive in ingest order; links to directories are not followed.

    An archive that cannot be read is empty, with a warning.

    Raises:
        LandingZoneAway: the landing zone itself cannot be searched.
    """
    directory = landing_zone / ARCHIVE
    try:
        if directory.is_symlink() or not directory.is_dir():
            if os.path.lexists(directory):
                reason = "is not a directory: nothing is read there"
                archive_warnings.warn(
                    landing_zone, NotADirectoryError(errno.ENOTDIR, reason, str(directory))
                )
            return []
        months = moving.months(landing_zone)
    except PermissionError as error:
        if not os.access(landing_zone, os.X_OK):
            raise LandingZoneAway(
                f"landing zone {landing_zone} cannot be looked into: {error.strerror}; "
                "make it readable, with its x bits"
            ) from None
        archive_warnings.warn(landing_zone, error)
        return []
    except OSError as error:
        archive_warnings.warn(landing_zone, error)
        return []
    return sorted(f for m in months for f in _listing(landing_zone, f"{ARCHIVE}/{m}"))


def _listing(landing_zone: Path, month: str) -> list[File]:
    try:
        return local.listing(landing_zone, month)
    except EnvironmentRefused:
        if MONTH.fullmatch(month):  # other directories are not ours, as lost+found on a volume
            reason = "cannot be listed: its files are not looked at"
            archive_warnings.warn(
                landing_zone, PermissionError(errno.EACCES, reason, str(landing_zone / month))
            )
        return []


def _locate(path: str, record: Record, landing_zone: Path) -> File | None:
    """Return the file of a record, under its path or, half moved, under its original name or a home."""
    landed = original_name(path, record)
    for candidate in (path, landed, *archive_paths(File(record.mtime, landed, record.size))):
        file = local.stat_file(landing_zone, candidate)
        if file is not None and record.is_of(file):
            return file
    return None


def half_moved(landed: list[File], landing_zone: Path, store: Store) -> dict[str, str]:
    """Return path → home of the files that are still landed while their record is already archived."""
    homes = {}
    unfinished = moving.unfinished(landing_zone)
    copied = unfinished.home if unfinished else None
    for files in batched(landed, FILES_AT_ONCE):
        records = store.records([home for file in files for home in archive_paths(file)])
        for file in files:
            for home in archive_paths(file):
                is_archived = home in records and records[home].is_of(file)
                # A file at the home already is another one, unless the journal says that it is a copy.
                if is_archived and (home == copied or not os.path.lexists(landing_zone / home)):
                    homes[file.path] = home
    return homes


def sweep(settings: Settings, store: Store) -> int:
    """
    Move every ingested file of the landing zone to the archive; return how many were moved.

    Rejected files stay for a person to look at. A sweep may be repeated, and killed at any point. A file
    that cannot be moved stays where it is, and counted, for a later sweep; the log has a warning.
    """
    landing_zone = settings.landing_directory
    if not settings.archive or not (moving.unfinished(landing_zone) or local.listing(landing_zone)):
        return 0
    moved = 0
    try:
        with _locked(landing_zone / ARCHIVE):
            moving.resume(landing_zone)
            for files in batched(local.listing(landing_zone), FILES_AT_ONCE):
                moved += _sweep(files, settings, store)
    except OSError as error:
        archive_warnings.warn(landing_zone, error)
    if moved:
        log.info("archived", files=moved)
    return moved


def _sweep(files: Sequence[File], settings: Settings, store: Store) -> int:
    """Move those of these files that were ingested; raises OSError: no file can be moved at all."""
    landing_zone = settings.landing_directory
    records = store.records([file.path for file in files])
    counted = [f for f in files if f.path in records and _is_done(records[f.path], f)]
    archived = store.records([home for file in counted for home in archive_paths(file)])
    moves = {f.path: _home(f, archived, landing_zone) for f in counted}
    begun = half_moved([f for f in files if f.path not in moves], landing_zone, store)
    needs_copies = _needs_copies(
        {_month(home) for home in [*moves.values(), *begun.values()]}, landing_zone
    )
    # Records whose files are renamed move at once here; those of copies move one by one, in `_copy`.
    renamed = {path: home for path, home in moves.items() if needs_copies.get(_month(home)) is False}
    store.refile([(f, f._replace(path=renamed[f.path])) for f in files if f.path in renamed])
    homes = {
        f: home
        for f in files
        if (home := moves.get(f.path) or begun.get(f.path)) and _month(home) in needs_copies
    }
    by_name = {f.path: home for f, home in homes.items() if not needs_copies[_month(home)]}
    failed = quarantine.rename(places.quarantine(settings), by_name)
    moved = 0
    for file, home in homes.items():
        if local.stat_file(landing_zone, file.path) != file:
            continue
        try:
            if file.path in failed:
                raise failed[file.path]
            if needs_copies[_month(home)]:
                moved += _copy(file, home, settings, None if file.path in begun else store)
            else:
                (landing_zone / file.path).rename(landing_zone / home)
                moved += 1
        except OSError as error:
            archive_warnings.warn(landing_zone, error)
            if error.errno in FULL:
                raise
    return moved


def _month(home: str) -> str:
    return home.rpartition("/")[0]


def _needs_copies(months: set[str], landing_zone: Path) -> dict[str, bool]:
    """Return of each of these directories that can be written whether files move there by copy."""
    needs_copies = {}
    for month in sorted(months):
        try:
            needs_copies[month] = moving.needs_copies(landing_zone, landing_zone / month)
        except OSError as error:
            archive_warnings.warn(landing_zone, error)
    return needs_copies


def _is_done(record: Record, file: File) -> bool:
    return record.is_of(file) and record.state == "ingested"


def _home(file: File, archived: Mapping[str, Record], landing_zone: Path) -> str:
    """Return the first home that neither a file nor another file's record has."""
    for home in archive_paths(file):
        if home not in archived and not os.path.lexists(landing_zone / home):
            return home
    # The same name, size and time for the third time: no home that follows from them is free.
    return str(PurePosixPath(archive_paths(file)[0]).with_name(tagged(file.path, uuid4().hex)))


def _copy(file: File, home: str, settings: Settings, store: Store | None) -> bool:
    """Move a file by copy, and with a store its record; return whether the file was still the same."""
    # The copy, which may fail, comes before the record moves.
    with moving.copied(settings.landing_directory, file, home):
        if store:
            store.refile([(file, file._replace(path=home))])
        if failed := quarantine.rename(places.quarantine(settings), {file.path: home}):
            raise failed[file.path]
        return moving.finish(settings.landing_directory, file.path, home)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time move files into the archive; raises OSError: it cannot be written."""
    moving.directory(directory)
    with (directory / ".lock").open("w") as lock:
        locks.wait(lock.fileno())
        yield
