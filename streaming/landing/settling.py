"""
Decides when a file is whole, so that no half-written file is counted.

A last line without an end may be half a row, and half a row may be valid: `10` of `1000.00`. The times
of such a file prove nothing, as chmod, chown, a link or a writer with a fast clock change them. So this
process waits, by its own clock. Whole lines may be read early: when the file grows it is read again.
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
from streaming.landing import dropping, names
from streaming.landing.names import UNPACKED_BYTES, UNPACKED_RATIO

PIECE = 1024 * 1024
PATIENCE = 5  # a last line without an end has to stand still this many times as long
FEW = 1000  # sights that are kept without looking whether their files are gone

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.landing.settling")


@dataclass
class Sight:
    """
    The first time that a file was seen in its present state.

    Attributes:
        identity: size (bytes), mtime (nanoseconds) and inode.
        since: when that was, in monotonic seconds.
        warned: whether the log says that it is taken although its last line has no end.
        open: whether its last line has no end; None: not looked at yet.
    """

    identity: tuple[int, int, int]
    since: float
    warned: bool = False
    open: bool | None = None


class Settling:
    """
    Decides which files of a landing zone are whole, and remembers since when it has seen the others.

    Guarantee: a file whose last line has no end counts as whole only after this process has seen it
    unchanged (size, mtime, inode) for five times `seconds`, and then with a warning; or at once if
    `drop` wrote it. Several threads may ask.
    """

    def __init__(self, landing_zone: Path, seconds: float) -> None:
        self._landing_zone = landing_zone
        self._seconds = seconds
        self._sights: dict[str, Sight] = {}
        self._most = FEW
        self._lock = threading.Lock()

    def settled(self, file: File) -> bool:
        """
        Return whether a file is whole, as far as this can be known.

        A file whose last line has an end is whole if its inode changed after the last write (mv, cp -p
        and rsync do that at the end), or if it has not changed for `seconds`. What is not a regular file
        is whole: reading it rejects it. A file that is gone or has changed is not whole.
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
        # Only whole files are moved to the archive, so those in it are not looked into.
        if (
            not names.is_archived(file.path)
            and not dropping.is_marked_whole(path, status)
            and self._is_open(file.path, status)
        ):
            return self._is_taken(file.path, status)
        if status.st_ctime_ns > status.st_mtime_ns:
            return True
        quiet = time.time() - status.st_mtime
        if quiet >= 0:
            return quiet >= self._seconds * (1 if status.st_size else PATIENCE)
        if status.st_ctime_ns < status.st_mtime_ns:  # someone set an mtime in the future
            return True
        # The file system's clock is ahead of ours, so only the time since we first saw the file counts.
        return self._quiet(self._sight(file.path, status)) >= self._seconds

    def _is_open(self, path: str, status: os.stat_result) -> bool:
        """Return whether the last line has no end; the inside of a gzip file is read once per state."""
        if not names.is_packed(path):
            return _is_open(self._landing_zone / path, status.st_size)
        sight = self._sight(path, status)
        if sight.open is None:
            sight.open = _is_open_inside(self._landing_zone / path, status.st_size)
        return sight.open

    def _is_taken(self, path: str, status: os.stat_result) -> bool:
        """Return whether to take a file whose last line has no end; warns once when it is taken."""
        sight = self._sight(path, status)
        if self._quiet(sight) < self._seconds * PATIENCE:
            return False
        if not sight.warned:
            sight.warned = True
            log.warning("last line without an end: taken as it is, nothing was added to it", file=path)
        return True

    def _quiet(self, sight: Sight) -> float:
        return time.monotonic() - sight.since

    def _sight(self, path: str, status: os.stat_result) -> Sight:
        """Return when this process first saw the file in its present state."""
        identity = status.st_size, status.st_mtime_ns, status.st_ino
        with self._lock:
            sight = self._sights.get(path)
            if sight is None or sight.identity != identity:
                sight = self._sights[path] = Sight(identity, time.monotonic())
                self._forget()
            return sight

    def _forget(self) -> None:
        """Forget files that are gone, each time the number of sights has doubled."""
        if len(self._sights) > self._most:
            present = (p for p in self._sights if os.path.lexists(self._landing_zone / p))
            self._sights = {path: self._sights[path] for path in present}
            self._most = max(FEW, 2 * len(self._sights))


def _is_open(path: Path, size: int) -> bool:
    """Return whether the last line has no end; a file that cannot be read here may have none."""
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
    Return whether the last line in a gzip file has no end: a writer may append member after member.

    A broken gzip file may be half written; it is rejected now and read again when it changes.
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
