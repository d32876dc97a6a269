"""
Moves a file to an archive on another file system, where a rename is not possible.

The file is copied under a hidden name. Before the copy gets its own name, a journal records the move,
and keeps it until the landed file is gone. A later run that finds both files reads in the journal that
they are one file, and removes the landed one.
"""

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from streaming.domain.file import File
from streaming.landing import local, names
from streaming.landing.names import ARCHIVE

HALF = ".copying"  # in a month's directory: a copy that is not complete yet
PROBE = ".probing"
JOURNAL = ".moving"  # in the archive: the move whose copy is complete
PIECE = 1024 * 1024


@dataclass(frozen=True)
class Move:
    """
    One move, as the journal keeps it.

    Attributes:
        path: the file's name in the landing zone.
        home: its path in the archive, relative to the landing zone.
        hidden: the name the landed file gets before it is removed.
    """

    path: str
    home: str
    hidden: str


def directory(path: Path) -> None:
    """Make a directory of the archive; raises OSError, also for a link, which could lead anywhere."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        kind = "a symbolic link" if path.is_symlink() else "a file"
        raise NotADirectoryError(errno.ENOTDIR, f"is {kind}, not a directory", str(path))
    path.mkdir(exist_ok=True)


def months(landing_zone: Path) -> list[str]:
    """Return the directories of the archive, without links; raises OSError: it cannot be read."""
    with os.scandir(landing_zone / ARCHIVE) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))


def needs_copies(landing_zone: Path, target: Path, name: str = PROBE) -> bool:
    """
    Return whether files can be moved into this directory only as copies.

    A probe file is moved to find out, as two mounts of one file system refuse a rename too. A caller
    that does not hold the archive's lock gives the probe a `name` of its own.

    Raises:
        OSError: the directory or the landing zone cannot be written.
    """
    directory(target)
    probe = landing_zone / name
    moved = target / probe.name
    probe.touch()
    try:
        probe.rename(moved)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        moved.touch()
        return True
    finally:
        probe.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return False


def keeps_times(target: Path) -> bool:
    """Return whether files in this directory keep their times to the nanosecond; raises OSError."""
    probe, time = target / f".{uuid4().hex}", 1_700_000_000_123_456_789
    probe.touch()
    try:
        os.utime(probe, ns=(time, time))
        return probe.stat().st_mtime_ns == time
    finally:
        probe.unlink(missing_ok=True)


@contextmanager
def copied(landing_zone: Path, file: File, home: str) -> Iterator[None]:
    """
    Copy a landed file into its home's directory, under a hidden name; the block calls `finish`.

    A copy that the block did not finish is removed.

    Raises:
        OSError: it cannot be read or written, changed meanwhile, or its time is not kept there.
    """
    half = (landing_zone / home).with_name(HALF)
    half.unlink(missing_ok=True)
    try:
        _copy(landing_zone / file.path, half, file)
        yield
    finally:
        half.unlink(missing_ok=True)


def finish(landing_zone: Path, path: str, home: str) -> bool:
    """Give a copy its name and remove the landed file; return whether that was still the copied one."""
    target = landing_zone / home
    move = Move(path, home, f".{uuid4().hex}.archived")
    _note(landing_zone, move)
    target.with_name(HALF).rename(target)
    local.sync_directory(target.parent)
    return _end(landing_zone, move)


def resume(landing_zone: Path) -> None:
    """Finish the move of a killed run and remove half copies; the caller holds the archive's lock."""
    for month in months(landing_zone):
        for name in (HALF, PROBE):
            (landing_zone / ARCHIVE / month / name).unlink(missing_ok=True)
    (landing_zone / PROBE).unlink(missing_ok=True)
    move = unfinished(landing_zone)
    if move is not None and os.path.lexists(landing_zone / move.home):
        _end(landing_zone, move)
    (landing_zone / ARCHIVE / JOURNAL).unlink(missing_ok=True)


def unfinished(landing_zone: Path) -> Move | None:
    """Return the move whose copy is complete, but whose landed file may still exist."""
    try:
        noted = json.loads((landing_zone / ARCHIVE / JOURNAL).read_bytes())
        move = Move(**noted)
        parts = [move.path, move.hidden, *move.home.split("/")]
        sound = len(parts) == 5 and parts[2] == ARCHIVE and not {"", ".", ".."} & set(parts)
        return move if sound and "/" not in move.path + move.hidden else None
    except (OSError, ValueError, TypeError, AttributeError):  # no journal, or not one of ours
        return None


def _note(landing_zone: Path, move: Move) -> None:
    journal = landing_zone / ARCHIVE / JOURNAL
    hidden = journal.with_name(f"{JOURNAL}.new")
    with hidden.open("w", encoding="ascii") as writer:
        json.dump(asdict(move), writer)
        writer.flush()
        os.fsync(writer.fileno())
    hidden.replace(journal)
    local.sync_directory(journal.parent)


def _end(landing_zone: Path, move: Move) -> bool:
    """Remove the landed file; if another file has its name by now, that one keeps it or gets it back."""
    hidden, home = landing_zone / move.hidden, landing_zone / move.home
    if not os.path.lexists(hidden) and os.path.lexists(landing_zone / move.path):
        (landing_zone / move.path).rename(hidden)
    if is_copied_file := os.path.lexists(hidden) and _same(hidden, home):
        hidden.unlink()
    elif os.path.lexists(hidden):
        _put_back(landing_zone, move)
    local.sync_directory(landing_zone)
    (landing_zone / ARCHIVE / JOURNAL).unlink(missing_ok=True)
    return is_copied_file


def _put_back(landing_zone: Path, move: Move) -> None:
    hidden, target = landing_zone / move.hidden, landing_zone / move.path
    try:
        local.publish(hidden, target)
    except FileExistsError:  # a third file took the name meanwhile
        stem, suffix = names.split_suffix(move.path)
        local.publish(hidden, landing_zone / f"{stem[:100]}-{uuid4().hex[:8]}{suffix}")
    hidden.unlink(missing_ok=True)


def _same(first: Path, second: Path) -> bool:
    """Return whether these are regular files of one size, time and content."""
    statuses = [path.lstat() for path in (first, second)]
    if len({(s.st_size, s.st_mtime_ns, stat.S_ISREG(s.st_mode)) for s in statuses}) > 1:
        return False
    if not stat.S_ISREG(statuses[0].st_mode):
        return False
    with first.open("rb") as first_reader, second.open("rb") as second_reader:
        while piece := first_reader.read(PIECE):
            if piece != second_reader.read(PIECE):
                return False
    return True


def _copy(source: Path, half: Path, file: File) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(reading, "rb", buffering=0) as reader:
        status = os.fstat(reading)
        _check(status, file, "changed before it was copied")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        writing = os.open(half, flags, status.st_mode & 0o777)
        with os.fdopen(writing, "wb") as writer:
            lost = "its file system does not keep the time of a file as it is (to the nanosecond)"
            os.utime(writing, ns=(file.mtime, file.mtime))
            # Before gigabytes are copied for nothing: does this file system keep the time?
            _check(os.fstat(writing), File(file.mtime, file.path, 0), lost)
            shutil.copyfileobj(reader, writer, PIECE)
            writer.flush()
            os.fsync(writing)
            os.utime(writing, ns=(status.st_atime_ns, file.mtime))
            os.fsync(writing)
        _check(half.lstat(), file, lost)
        _check(os.fstat(reading), file, "changed while it was copied")


def _check(status: os.stat_result, file: File, otherwise: str) -> None:
    if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime):
        raise OSError(errno.EIO, otherwise, file.path)
