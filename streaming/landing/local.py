"""Files in the landing zone: which there are, and how one is dropped."""

import errno
import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused, LandingZoneAway

WHOLE = "user.city-features.whole"
"""The extended attribute of a dropped file: size (bytes) and mtime (nanoseconds) of what was written."""

SUFFIXES = (".csv", ".csv.gz")


def is_ingestable(name: str) -> bool:
    """Return whether a file of this name is ingested at all; letters may be small or capital."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_packed(name: str) -> bool:
    """Return whether a file of this name is a gzip file."""
    return name.lower().endswith(".gz")


def is_hidden(name: str) -> bool:
    """Return whether nobody is to look at a file of this name."""
    return name.startswith((".", "_"))


def not_ingestable(landing_zone: Path) -> list[str]:
    """Return the names of the files of the landing zone that are neither hidden nor looked at."""
    with os.scandir(landing_zone) as entries:
        return sorted(
            entry.name
            for entry in entries
            if not is_hidden(entry.name)
            and not is_ingestable(entry.name)
            and entry.is_file(follow_symlinks=False)
        )


def stat_file(landing_zone: Path, path: str) -> File | None:
    """
    Return a file as it is now, or None if it is gone.

    Raises:
        EnvironmentRefused: its directory may not be looked into.
    """
    try:
        status = (landing_zone / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EnvironmentRefused(
            f"{landing_zone / path} can not be looked at: {error.strerror}; make its directory readable"
        ) from None
    return File(status.st_mtime_ns, path, status.st_size)


def listing(landing_zone: Path, inside: str = "") -> list[File]:
    """
    Return the files of the landing zone, or of a directory inside it, in ingest order.

    Raises:
        LandingZoneAway: it cannot be listed.
    """
    directory = landing_zone / inside
    prefix = f"{inside}/" if inside else ""
    try:
        with os.scandir(directory) as entries:
            found = []
            for entry in entries:
                if is_ingestable(entry.name):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found.append(File(status.st_mtime_ns, prefix + entry.name, status.st_size))
            return sorted(found)
    except OSError as error:
        raise LandingZoneAway(
            f"landing zone {directory} can not be listed: {error.strerror}; "
            "create it or set LANDING_ZONE"
        ) from None


def closed_directories(landing_zone: Path) -> list[str]:
    """
    Return the directories, at any depth, that may not be listed, and the links to directories.

    Spark's file source looks into all directories but those it takes for hidden: it would fail at the
    first kind, and may follow the second in circles.
    """
    closed: list[str] = []
    links: list[str] = []
    for directory, below, _ in os.walk(
        landing_zone, onerror=lambda error: closed.append(error.filename)
    ):
        below[:] = [name for name in below if not _is_hidden(name)]
        links += [str(link) for name in below if (link := Path(directory) / name).is_symlink()]
    return closed + links


def _is_hidden(name: str) -> bool:
    """Return whether Spark looks past a directory of this name."""
    if name.startswith("_"):
        return "=" not in name and not name.startswith(("_metadata", "_common_metadata"))
    return name.startswith(".")


def drop(source: Path, landing_zone: Path, name: str | None = None) -> tuple[str, bool]:
    """
    Copy a file into the landing zone, whole or not at all.

    It is written under a hidden name, flushed to disk and renamed, never over another file: the
    same name with the same content is left as it is, with other content gets a new name.

    Returns:
        The path in the landing zone, and whether anything was copied.

    Raises:
        EnvironmentRefused: the source can not be read, the landing zone can not be written, or the
            name is one that the service does not look at.
    """
    name = name or source.name
    if not is_ingestable(name) or Path(name).name != name:
        raise EnvironmentRefused(
            f"{name!r} would not be looked at: use --as with a plain name that ends in "
            ".csv or .csv.gz and does not begin with . or _"
        )
    hidden = landing_zone / f".{uuid4().hex}.dropping"
    try:
        with source.open("rb") as reader, hidden.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            writer.flush()
            # A little before now: the link below then shows as later, so nobody waits (settling).
            written = time.time_ns() - 20_000_000
            os.utime(writer.fileno(), ns=(written, written))
            _mark_whole(writer.fileno())
            os.fsync(writer.fileno())
        digest = _digest(hidden)
        stem, suffix = split(name)
        again = iter([digest[:8]])  # the same for the same content: dropped again it is found again
        while True:
            target = landing_zone / name
            try:
                place(hidden, target)
                sync(landing_zone)
                return name, True
            except FileExistsError:
                if target.is_file() and not target.is_symlink() and _digest(target) == digest:
                    return name, False
                name = f"{stem}-{next(again, uuid4().hex[:8])}{suffix}"
    except OSError as error:
        raise EnvironmentRefused(
            f"{error.filename or source} could not be dropped: {error.strerror}"
        ) from None
    finally:
        with suppress(OSError):  # what went wrong is said already
            hidden.unlink()


def is_marked_whole(path: Path, status: os.stat_result) -> bool:
    """Return whether `drop` wrote this content: then it is whole, whatever it ends with."""
    try:
        return os.getxattr(path, WHOLE, follow_symlinks=False) == _identity(status)
    except OSError:  # no mark, or a file system without attributes
        return False


def _mark_whole(descriptor: int) -> None:
    # Without it nothing is wrong: the file is only waited for if its last line has no end.
    with suppress(OSError):
        os.setxattr(descriptor, WHOLE, _identity(os.fstat(descriptor)))


def _identity(status: os.stat_result) -> bytes:
    return b"%d %d" % (status.st_size, status.st_mtime_ns)


def place(hidden: Path, target: Path) -> None:
    """Give the file its name, atomically; a link, unlike a rename, never replaces another file."""
    try:
        os.link(hidden, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        if target.exists():  # a file system without links
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        hidden.rename(target)


def split(name: str) -> tuple[str, str]:
    """Return a name that is looked at without its suffix, and the suffix."""
    end = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(s))
    return name[: -len(end)], name[-len(end) :]


def _digest(path: Path) -> str:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


def sync(directory: Path) -> None:
    """Flush the names in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
