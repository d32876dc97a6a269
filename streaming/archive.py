"""
The archive: counted files out of the way, in `_archive/YYYY-MM/` of the landing zone (ARCHIVE=on).

A file's record goes with it, so that its path is always that of its record. First the record moves, in
one script, then the file, in one rename; where the file goes follows from its identity alone, so whoever
finds the one without the other knows where it belongs.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path, PurePosixPath
from uuid import uuid4

import structlog

from streaming import files, quarantine
from streaming.errors import EnvironmentRefused
from streaming.files import File
from streaming.records import Record
from streaming.settings import Settings
from streaming.store import Store, batched

DIRECTORY = "_archive"
AT_ONCE = 1000

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.archive")


def is_in(path: str) -> bool:
    """Return whether a path is one of the archive."""
    return path.startswith(f"{DIRECTORY}/")


def homes(file: File) -> tuple[str, str]:
    """Return where this file of the landing zone is archived, and where if that name is taken."""
    month = f"{DIRECTORY}/{time.strftime('%Y-%m', time.gmtime(file.mtime // 1_000_000_000))}"
    identity = os.fsencode(f"{file.path}\n{file.size}\n{file.mtime}")
    return f"{month}/{file.path}", f"{month}/{_tagged(file.path, sha256(identity).hexdigest())}"


def _tagged(name: str, tag: str) -> str:
    stem, suffix = files.split(name)
    return f"{os.fsdecode(os.fsencode(stem)[:240])}~{tag[:8]}{suffix}"  # a name has at most 255 bytes


def landed_as(path: str, record: Record) -> str:
    """Return the name that the file of this record had, or has, in the landing zone."""
    name = PurePosixPath(path).name
    stem, suffix = files.split(name)
    names = (name, f"{stem.rpartition('~')[0]}{suffix}")
    found = (n for n in names if path in homes(File(record.mtime, n, record.size)))
    return next(found, path)


def listing(landing_zone: Path) -> list[File]:
    """Return the files of the archive in ingest order; links to directories are not followed."""
    directory = landing_zone / DIRECTORY
    if directory.is_symlink() or not directory.is_dir():
        if os.path.lexists(directory):
            log.warning("not a directory: nothing is read there", archive=str(directory))
        return []
    with os.scandir(directory) as entries:
        months = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(f for m in months for f in files.listing(landing_zone, f"{DIRECTORY}/{m}"))


def in_order(records: Mapping[str, Record], landing_zone: Path) -> dict[str, File]:
    """Return path → file of the records whose files are there, in the order of their ingestion."""
    ordered = sorted(records.items(), key=lambda r: (r[1].version, r[1].order, r[1].mtime, r[0]))
    located = ((path, _locate(path, record, landing_zone)) for path, record in ordered)
    return {path: file for path, file in located if file is not None}


def _locate(path: str, record: Record, landing_zone: Path) -> File | None:
    """Return the file of a record: under its path, or on the way between there and the archive."""
    landed = landed_as(path, record)
    for place in (path, landed, *homes(File(record.mtime, landed, record.size))):
        file = files.look(landing_zone, place)
        if file is not None and record.is_of(file):
            return file
    return None


def on_the_way(landed: list[File], landing_zone: Path, store: Store) -> dict[str, str]:
    """Return path → home of those files whose record is in the archive already, but not they."""
    found = {}
    for some in batched(landed, AT_ONCE):
        records = store.records([home for file in some for home in homes(file)])
        for file in some:
            for home in homes(file):
                there = home in records and records[home].is_of(file)
                if there and not os.path.lexists(landing_zone / home):
                    found[file.path] = home
    return found


def sweep(settings: Settings, store: Store) -> int:
    """
    Move every file of the landing zone that was ingested to the archive; return how many there were.

    Rejected files stay for a person to look at. Safe to repeat, and to stop anywhere.

    Raises:
        EnvironmentRefused: the archive can not be written; nothing of what was counted is lost.
    """
    zone = settings.landing_zone
    landed = files.listing(zone) if settings.archive else []
    if not landed:
        return 0
    moved = 0
    with _locked(zone / DIRECTORY):
        for some in batched(landed, AT_ONCE):
            records = store.records([file.path for file in some])
            counted = [f for f in some if f.path in records and _is_done(records[f.path], f)]
            taken = store.records([home for file in counted for home in homes(file)])
            moves = {f.path: _home(f, taken, zone) for f in counted}
            store.refile(moves)
            moves |= on_the_way([f for f in some if f.path not in moves], zone, store)
            for file in some:
                if file.path in moves and files.look(zone, file.path) == file:
                    _move(file.path, moves[file.path], settings)
                    moved += 1
    if moved:
        log.info("archived", files=moved)
    return moved


def _is_done(record: Record, file: File) -> bool:
    return record.is_of(file) and record.state == "ingested"


def _home(file: File, taken: Mapping[str, Record], landing_zone: Path) -> str:
    """Return the first home that neither a file nor another file's record has."""
    for home in homes(file):
        if home not in taken and not os.path.lexists(landing_zone / home):
            return home
    # The very same name, size and time for the third time.
    return str(PurePosixPath(homes(file)[0]).with_name(_tagged(file.path, uuid4().hex)))


def _move(path: str, home: str, settings: Settings) -> None:
    target = settings.landing_zone / home
    try:
        _directory(target.parent)
        quarantine.rename(settings.quarantine_dir, path, home)
        (settings.landing_zone / path).rename(target)
    except OSError as error:
        raise EnvironmentRefused(
            f"{path} can not be moved to {target}: {error.strerror}; it is counted. Make "
            f"{settings.landing_zone / DIRECTORY} writable, or set ARCHIVE=off"
        ) from None


def _directory(directory: Path) -> None:
    """Make a directory of the archive; a link in its place could lead anywhere."""
    directory.mkdir(exist_ok=True)
    if directory.is_symlink():
        raise NotADirectoryError(0, f"{directory} is a symbolic link")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time choose names in the archive."""
    try:
        _directory(directory)
        lock = (directory / ".lock").open("w")
    except OSError as error:
        raise EnvironmentRefused(
            f"archive {directory} can not be written: {error.strerror}; "
            "make it writable, or set ARCHIVE=off"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
