"""
Drops a file into the landing zone: whole or not at all, and never over another file.

A stream reads a file as soon as its name appears, so the name appears last. An extended attribute marks
the file as whole, so that nobody waits for it to stand still (`landing.settling`).
"""

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from streaming.errors import EnvironmentRefused
from streaming.landing.local import publish, sync_directory
from streaming.landing.names import dropped_as, free_names

WHOLE = "user.city-features.whole"
"""The extended attribute of a dropped file: size (bytes) and mtime (nanoseconds) of what was written."""


def drop(source: Path, landing_zone: Path, name: str | None = None) -> tuple[str, bool]:
    """
    Copy a file into the landing zone, whole or not at all.

    The copy is written under a hidden name, flushed to disk, and then gets its name, never over another
    file. If the name is taken by the same content, nothing is copied; if by other content, the copy gets
    a new name.

    Returns:
        The path in the landing zone, and whether the file was copied.

    Raises:
        EnvironmentRefused: the source cannot be read, the landing zone cannot be written, or the
            service does not ingest files of this name.
    """
    name = dropped_as(source, name)
    if not landing_zone.is_dir():
        raise EnvironmentRefused(
            f"landing zone {landing_zone} is no directory; create it or set LANDING_ZONE"
        )
    hidden = landing_zone / f".{uuid4().hex}.dropping"
    try:
        with source.open("rb") as reader, hidden.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            writer.flush()
            # 20 ms ago: the link below is a later change of the inode, which tells `settling` that the
            # file was finished, so nobody waits for it.
            written = time.time_ns() - 20_000_000
            os.utime(writer.fileno(), ns=(written, written))
            _mark_whole(writer.fileno())
            os.fsync(writer.fileno())
        digest = _digest(hidden)
        for candidate in free_names(name, digest):
            target = landing_zone / candidate
            try:
                publish(hidden, target)
                sync_directory(landing_zone)
                return candidate, True
            except FileExistsError:
                if target.is_file() and not target.is_symlink() and _digest(target) == digest:
                    return candidate, False
        raise AssertionError("names never end")
    except OSError as error:
        raise EnvironmentRefused(
            f"{error.filename or source} could not be dropped: {error.strerror}"
        ) from None
    finally:
        with suppress(OSError):  # the error that matters is raised already
            hidden.unlink()


def is_marked_whole(path: Path, status: os.stat_result) -> bool:
    """Return whether `drop` wrote this content; then it is whole, even if its last line has no end."""
    try:
        return os.getxattr(path, WHOLE, follow_symlinks=False) == _identity(status)
    except OSError:  # no mark, or a file system without attributes
        return False


def _mark_whole(descriptor: int) -> None:
    # Some file systems have no attributes. Then a file whose last line has no end is waited for.
    with suppress(OSError):
        os.setxattr(descriptor, WHOLE, _identity(os.fstat(descriptor)))


def _identity(status: os.stat_result) -> bytes:
    return b"%d %d" % (status.st_size, status.st_mtime_ns)


def _digest(path: Path) -> str:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()
