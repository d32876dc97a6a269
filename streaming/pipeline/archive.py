"""
The archive: counted files out of the way, in `_archive/YYYY-MM/` of the landing zone (ARCHIVE=on).

A file's record goes with it, so that its path is always that of its record. First the record moves, in
one script, then the file (`moving`); where the file goes follows from its identity alone, so whoever
finds the one without the other knows where it belongs. An archive that can not be written stops nothing.
"""

import errno
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from uuid import uuid4

import structlog

from streaming import locks
from streaming.chunks import batched
from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import local, moving, quarantine
from streaming.landing.moving import DIRECTORY
from streaming.settings import Settings
from streaming.store.store import Store

MONTH = re.compile(rf"{DIRECTORY}/\d{{4}}-\d\d")
AT_ONCE = 1000
AGAIN = 600.0  # seconds until the same is said again
FULL = errno.ENOSPC, errno.EDQUOT, errno.EROFS

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.archive")
_said: dict[tuple[Path, int | None], float] = {}


def is_in(path: str) -> bool:
    """Return whether a path is one of the archive."""
    return path.startswith(f"{DIRECTORY}/")


def archive_paths(file: File) -> tuple[str, str]:
    """Return where this file of the landing zone is archived, and where if that name is taken."""
    month = f"{DIRECTORY}/{time.strftime('%Y-%m', time.gmtime(file.mtime // 1_000_000_000))}"
    identity = os.fsencode(f"{file.path}\n{file.size}\n{file.mtime}")
    return f"{month}/{file.path}", f"{month}/{_tagged(file.path, sha256(identity).hexdigest())}"


def _tagged(name: str, tag: str) -> str:
    stem, suffix = local.split_suffix(name)
    most = min(240, 246 - len(suffix))  # a name has at most 255 bytes
    return f"{os.fsdecode(os.fsencode(stem)[:most])}~{tag[:8]}{suffix}"


def original_name(path: str, record: Record) -> str:
    """Return the name that the file of this record had, or has, in the landing zone."""
    name = PurePosixPath(path).name
    stem, suffix = local.split_suffix(name)
    names = (name, f"{stem.rpartition('~')[0]}{suffix}")
    found = (n for n in names if path in archive_paths(File(record.mtime, n, record.size)))
    return next(found, path)


def listing(landing_zone: Path) -> list[File]:
    """Return the files of the archive in ingest order; links to directories are not followed."""
    directory = landing_zone / DIRECTORY
    try:
        if directory.is_symlink() or not directory.is_dir():
            if os.path.lexists(directory):
                what = "is not a directory: nothing is read there"
                _say(landing_zone, NotADirectoryError(errno.ENOTDIR, what, str(directory)))
            return []
        months = moving.months(landing_zone)
    except PermissionError as error:
        if not os.access(landing_zone, os.X_OK):
            raise LandingZoneAway(
                f"landing zone {landing_zone} can not be looked into: {error.strerror}; "
                "make it readable, with its x bits"
            ) from None
        _say(landing_zone, error)
        return []
    except OSError as error:
        _say(landing_zone, error)
        return []
    return sorted(f for m in months for f in _listing(landing_zone, f"{DIRECTORY}/{m}"))


def _listing(landing_zone: Path, month: str) -> list[File]:
    try:
        return local.listing(landing_zone, month)
    except EnvironmentRefused:
        if MONTH.fullmatch(month):  # else not ours, as lost+found on a volume
            what = "can not be listed: its files are not looked at"
            _say(landing_zone, PermissionError(errno.EACCES, what, str(landing_zone / month)))
        return []


def files_in_ingest_order(records: Mapping[str, Record], landing_zone: Path) -> dict[str, File]:
    """Return path → file of the records whose files are there, in the order of their ingestion."""
    ordered = sorted(records.items(), key=lambda r: (r[1].version, r[1].order, r[1].mtime, r[0]))
    located = ((path, _locate(path, record, landing_zone)) for path, record in ordered)
    return {path: file for path, file in located if file is not None}


def _locate(path: str, record: Record, landing_zone: Path) -> File | None:
    """Return the file of a record: under its path, or on the way between there and the archive."""
    landed = original_name(path, record)
    for place in (path, landed, *archive_paths(File(record.mtime, landed, record.size))):
        file = local.stat_file(landing_zone, place)
        if file is not None and record.is_of(file):
            return file
    return None


def half_moved(landed: list[File], landing_zone: Path, store: Store) -> dict[str, str]:
    """Return path → home of those files whose record is in the archive already, but not they."""
    found = {}
    unfinished = moving.unfinished(landing_zone)
    copied = unfinished.home if unfinished else None
    for some in batched(landed, AT_ONCE):
        records = store.records([home for file in some for home in archive_paths(file)])
        for file in some:
            for home in archive_paths(file):
                there = home in records and records[home].is_of(file)
                if there and (home == copied or not os.path.lexists(landing_zone / home)):
                    found[file.path] = home
    return found


def sweep(settings: Settings, store: Store) -> int:
    """
    Move every file of the landing zone that was ingested to the archive; return how many there were.

    Rejected files stay for a person to look at. Safe to repeat, and to stop anywhere. What can not be
    moved stays counted where it is, with a warning (the same at most once in ten minutes), for a later
    sweep.
    """
    zone = settings.landing_zone
    if not settings.archive or not (moving.unfinished(zone) or local.listing(zone)):
        return 0
    moved = 0
    try:
        with _locked(zone / DIRECTORY):
            moving.resume(zone)
            for some in batched(local.listing(zone), AT_ONCE):
                moved += _sweep(some, settings, store)
    except OSError as error:
        _say(zone, error)
    if moved:
        log.info("archived", files=moved)
    return moved


def _sweep(some: Sequence[File], settings: Settings, store: Store) -> int:
    """Move those of these files that were ingested; raises OSError: there is no room, or no more."""
    zone = settings.landing_zone
    records = store.records([file.path for file in some])
    counted = [f for f in some if f.path in records and _is_done(records[f.path], f)]
    taken = store.records([home for file in counted for home in archive_paths(file)])
    moves = {f.path: _home(f, taken, zone) for f in counted}
    begun = half_moved([f for f in some if f.path not in moves], zone, store)
    ways = _ways({str(PurePosixPath(home).parent) for home in [*moves.values(), *begun.values()]}, zone)
    store.refile({path: home for path, home in moves.items() if ways.get(_month(home)) is False})
    moved = 0
    for file in some:
        home = moves.get(file.path) or begun.get(file.path)
        way = ways.get(_month(home)) if home else None
        if home is None or way is None or local.stat_file(zone, file.path) != file:
            continue
        try:
            if way:
                moved += _copy(file, home, settings, None if file.path in begun else store)
            else:
                quarantine.rename(settings.quarantine_dir, file.path, home)
                (zone / file.path).rename(zone / home)
                moved += 1
        except OSError as error:
            _say(zone, error)
            if error.errno in FULL:
                raise
    return moved


def _month(home: str) -> str:
    return home.rpartition("/")[0]


def _ways(months: set[str], landing_zone: Path) -> dict[str, bool]:
    """Return whether files get into these directories as copies, of those that can be written."""
    ways = {}
    for month in sorted(months):
        try:
            ways[month] = moving.needs_copies(landing_zone, landing_zone / month)
        except OSError as error:
            _say(landing_zone, error)
    return ways


def _is_done(record: Record, file: File) -> bool:
    return record.is_of(file) and record.state == "ingested"


def _home(file: File, taken: Mapping[str, Record], landing_zone: Path) -> str:
    """Return the first home that neither a file nor another file's record has."""
    for home in archive_paths(file):
        if home not in taken and not os.path.lexists(landing_zone / home):
            return home
    # The very same name, size and time for the third time.
    return str(PurePosixPath(archive_paths(file)[0]).with_name(_tagged(file.path, uuid4().hex)))


def _copy(file: File, home: str, settings: Settings, store: Store | None) -> bool:
    """Move a file by a copy, its record too where a store is given; return whether it was that file."""
    with moving.copied(settings.landing_zone, file, home):  # what may fail comes before the record moves
        if store:
            store.refile({file.path: home})
        quarantine.rename(settings.quarantine_dir, file.path, home)
        return moving.finish(settings.landing_zone, file.path, home)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time move files into the archive; raises OSError: it can not be written."""
    moving.directory(directory)
    with (directory / ".lock").open("w") as lock:
        locks.wait(lock.fileno())
        yield


def _say(landing_zone: Path, error: OSError) -> None:
    """Warn of an archive that can not be used; the same again after a while."""
    archive, reason = landing_zone / DIRECTORY, error.strerror or str(error)
    last = _said.get((archive, error.errno))
    if last is None or time.monotonic() - last >= AGAIN:
        _said[archive, error.errno] = time.monotonic()
        log.warning(
            "not archived: its files stay where they are, and stay counted; a later run tries again. "
            "Make the archive writable, or set ARCHIVE=off",
            archive=str(archive),
            reason=f"{error.filename}: {reason}" if error.filename else reason,
        )
