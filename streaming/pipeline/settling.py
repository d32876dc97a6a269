"""
When a file is whole: what the file system tells of it, and what this process saw of it itself.

A last line without an end may be half a row, and half a row may be valid: `10` of `1000.00`. The times
of the file prove nothing, as chmod, chown, a link or a writer whose clock is ahead change them; so it
is waited for by our own clock. Whole lines may be taken early: the rest is read later.
"""

import gzip
import os
import stat
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import structlog

from streaming.domain.file import File
from streaming.landing import dropping, local
from streaming.pipeline import archive
from streaming.reading.dialect import UNPACKED_BYTES, UNPACKED_RATIO

PIECE = 1024 * 1024
PATIENCE = 5  # times as long while the last line has no end
FEW = 1000

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.settling")


@dataclass
class Sight:
    """A file as it was first seen (size, mtime, inode), when (monotonic), and whether it was taken."""

    identity: tuple[int, int, int]
    since: float
    taken: bool = False
    open: bool | None = None


class Settling:
    """
    Which files of a landing zone are whole; remembers since when it has seen those that may not be.

    Guarantee: a file whose last line has no end is taken for whole only after it was seen unchanged
    (size, mtime, inode) for five times `seconds`, whatever its times say, and with a warning; or at once
    where `drop` wrote it. Several threads may ask.
    """

    def __init__(self, landing_zone: Path, seconds: float) -> None:
        self._landing_zone = landing_zone
        self._seconds = seconds
        self._sights: dict[str, Sight] = {}
        self._most = FEW
        self._lock = threading.Lock()

    def settled(self, file: File) -> bool:
        """
        Return whether a file is whole, as far as can be known.

        With an end to its last line it is when it was renamed (or otherwise finished off, as cp -p,
        rsync and mv do: the inode changed after the last write), or has not changed for `seconds`. What
        is no regular file is not waited for. A file that is gone or has changed is not whole.
        """
        path = self._landing_zone / file.path
        try:
            status = path.lstat()
        except OSError:
            return False
        if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime):
            return False
        if not stat.S_ISREG(status.st_mode):
            return True
        # Only files that were whole get into the archive.
        if (
            not archive.is_in(file.path)
            and not dropping.is_marked_whole(path, status)
            and self._is_open(file.path, status)
        ):
            return self._is_taken(file.path, status)
        if status.st_ctime_ns > status.st_mtime_ns:
            return True
        quiet = time.time() - status.st_mtime
        if quiet >= 0:
            return quiet >= self._seconds * (1 if status.st_size else PATIENCE)
        if status.st_ctime_ns < status.st_mtime_ns:  # somebody set a time that is still to come
            return True
        return self._quiet(self._sight(file.path, status)) >= self._seconds  # a clock is not ours

    def _is_open(self, path: str, status: os.stat_result) -> bool:
        """Return whether the last line has no end: inside a gzip file too, looked at once as it is."""
        if not local.is_packed(path):
            return _is_open(self._landing_zone / path, status.st_size)
        sight = self._sight(path, status)
        if sight.open is None:
            sight.open = _is_open_inside(self._landing_zone / path, status.st_size)
        return sight.open

    def _is_taken(self, path: str, status: os.stat_result) -> bool:
        """Return whether a file with an open last line was waited for long enough; warn of it once."""
        sight = self._sight(path, status)
        if self._quiet(sight) < self._seconds * PATIENCE:
            return False
        if not sight.taken:
            sight.taken = True
            log.warning("last line without an end: taken as it is, nothing was added to it", file=path)
        return True

    def _quiet(self, sight: Sight) -> float:
        return time.monotonic() - sight.since

    def _sight(self, path: str, status: os.stat_result) -> Sight:
        """Return since when this file has been seen as it is now."""
        identity = status.st_size, status.st_mtime_ns, status.st_ino
        with self._lock:
            sight = self._sights.get(path)
            if sight is None or sight.identity != identity:
                sight = self._sights[path] = Sight(identity, time.monotonic())
                self._forget()
            return sight

    def _forget(self) -> None:
        """Forget files that are gone, each time twice as many are remembered."""
        if len(self._sights) > self._most:
            there = (p for p in self._sights if os.path.lexists(self._landing_zone / p))
            self._sights = {path: self._sights[path] for path in there}
            self._most = max(FEW, 2 * len(self._sights))


def _is_open(path: Path, size: int) -> bool:
    """Return whether the last line has no end; so may that of a file that can not be read here."""
    if size == 0:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, 1, size - 1) not in (b"\n", b"\r")
        finally:
            os.close(descriptor)
    except OSError:
        return True


def _is_open_inside(path: Path, size: int) -> bool:
    """
    Return whether the last line in a gzip file has no end: a writer may append, member by member.

    One that is broken may be half, and is read again when it changes; so is one that is no gzip at all.
    """
    last, unpacked = b"", 0
    try:
        with gzip.open(path) as reader:
            while chunk := reader.read(PIECE):
                last, unpacked = chunk[-1:], unpacked + len(chunk)
                if unpacked > max(UNPACKED_BYTES, UNPACKED_RATIO * size):  # a bomb: rejected when read
                    return False
    except (OSError, EOFError, zlib.error):
        return False
    return last not in (b"", b"\n", b"\r")
