"""
A file on its way to an archive on another file system: there it only gets as a copy.

The copy is made whole under a hidden name. Before it gets its own, a journal names the move, until the
landed file is gone: whoever finds both knows that they are one, and which of them is to go.
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
from streaming.landing import local

DIRECTORY = "_archive"
HALF = ".copying"  # in a month's directory: a copy that is not whole yet
PROBE = ".probing"
JOURNAL = ".moving"  # in the archive: the move whose copy is whole
PIECE = 1024 * 1024


@dataclass(frozen=True)
class Move:
    """A file's name in the landing zone, its home, and the hidden name the landed file gets last."""

    path: str
    home: str
    hidden: str


def directory(path: Path) -> None:
    """Make a directory of the archive; a link in its place could lead anywhere. Raises OSError."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        kind = "a symbolic link" if path.is_symlink() else "a file"
        raise NotADirectoryError(errno.ENOTDIR, f"is {kind}, not a directory", str(path))
    path.mkdir(exist_ok=True)


def months(landing_zone: Path) -> list[str]:
    """Return the directories of the archive, links left out; raises OSError: it can not be read."""
    with os.scandir(landing_zone / DIRECTORY) as entries:
        return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))


def needs_copies(landing_zone: Path, target: Path, name: str = PROBE) -> bool:
    """
    Return whether files get into this directory only as copies, as a try shows: mounts may differ too.

    `name` is that of the probe: one of its own for who does not hold the archive's lock.

    Raises:
        OSError: nothing can be written there, or taken out of the landing zone.
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
    Copy a landed file beside its home, under a hidden name, for `finish`; else the block removes it.

    Raises:
        OSError: it can not be read or written, changed meanwhile, or its time is not kept there.
    """
    half = (landing_zone / home).with_name(HALF)
    half.unlink(missing_ok=True)
    try:
        _copy(landing_zone / file.path, half, file)
        yield
    finally:
        half.unlink(missing_ok=True)


def finish(landing_zone: Path, path: str, home: str) -> bool:
    """Give a copy its name, and take the landed file away; return whether it was the copied one."""
    target = landing_zone / home
    move = Move(path, home, f".{uuid4().hex}.archived")
    _note(landing_zone, move)
    target.with_name(HALF).rename(target)
    local.sync(target.parent)
    return _end(landing_zone, move)


def resume(landing_zone: Path) -> None:
    """End the move that a killed run left, and remove its half copies; only while nobody else moves."""
    for month in months(landing_zone):
        for name in (HALF, PROBE):
            (landing_zone / DIRECTORY / month / name).unlink(missing_ok=True)
    (landing_zone / PROBE).unlink(missing_ok=True)
    move = unfinished(landing_zone)
    if move is not None and os.path.lexists(landing_zone / move.home):
        _end(landing_zone, move)
    (landing_zone / DIRECTORY / JOURNAL).unlink(missing_ok=True)


def unfinished(landing_zone: Path) -> Move | None:
    """Return the move whose copy is whole, but whose landed file may still be there."""
    try:
        noted = json.loads((landing_zone / DIRECTORY / JOURNAL).read_bytes())
        move = Move(**noted)
        names = [move.path, move.hidden, *move.home.split("/")]
        sound = len(names) == 5 and names[2] == DIRECTORY and not {"", ".", ".."} & set(names)
        return move if sound and "/" not in move.path + move.hidden else None
    except (OSError, ValueError, TypeError, AttributeError):  # none, or not ours
        return None


def _note(landing_zone: Path, move: Move) -> None:
    journal = landing_zone / DIRECTORY / JOURNAL
    hidden = journal.with_name(f"{JOURNAL}.new")
    with hidden.open("w", encoding="ascii") as writer:
        json.dump(asdict(move), writer)
        writer.flush()
        os.fsync(writer.fileno())
    hidden.replace(journal)
    local.sync(journal.parent)


def _end(landing_zone: Path, move: Move) -> bool:
    """Take the landed file away, unless another has its name by now: that one stays, or comes back."""
    hidden, home = landing_zone / move.hidden, landing_zone / move.home
    if not os.path.lexists(hidden) and os.path.lexists(landing_zone / move.path):
        (landing_zone / move.path).rename(hidden)
    if copied_one := os.path.lexists(hidden) and _same(hidden, home):
        hidden.unlink()
    elif os.path.lexists(hidden):
        _put_back(landing_zone, move)
    local.sync(landing_zone)
    (landing_zone / DIRECTORY / JOURNAL).unlink(missing_ok=True)
    return copied_one


def _put_back(landing_zone: Path, move: Move) -> None:
    hidden, target = landing_zone / move.hidden, landing_zone / move.path
    try:
        local.place(hidden, target)
    except FileExistsError:  # a third one
        stem, suffix = local.split(move.path)
        local.place(hidden, landing_zone / f"{stem[:100]}-{uuid4().hex[:8]}{suffix}")
    hidden.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    """Return whether these are regular files of one size, time and content."""
    looks = [path.lstat() for path in (one, other)]
    if len({(s.st_size, s.st_mtime_ns, stat.S_ISREG(s.st_mode)) for s in looks}) > 1:
        return False
    if not stat.S_ISREG(looks[0].st_mode):
        return False
    with one.open("rb") as here, other.open("rb") as there:
        while piece := here.read(PIECE):
            if piece != there.read(PIECE):
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
            _check(os.fstat(writing), File(file.mtime, file.path, 0), lost)  # before all of it is copied
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
