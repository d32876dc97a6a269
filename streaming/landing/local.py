"""Lists the files of a landing zone on a local or mounted file system, and publishes files in it."""

import ctypes
import errno
import os
from itertools import islice
from pathlib import Path

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing.names import is_hidden, is_ingestable

LIBC = ctypes.CDLL(None, use_errno=True)  # Python has no syncfs


def not_ingestable(landing_zone: Path) -> list[str]:
    """Return the names of the files of the landing zone that are neither hidden nor ingested."""
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
        EnvironmentRefused: its directory cannot be searched.
    """
    try:
        status = (landing_zone / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise EnvironmentRefused(
            f"{landing_zone / path} cannot be looked at: {error.strerror}; make its directory readable"
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
            files = []
            for entry in entries:
                if is_ingestable(entry.name):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    files.append(File(status.st_mtime_ns, prefix + entry.name, status.st_size))
            return sorted(files)
    except OSError as error:
        raise _away(directory, error) from None


def names(landing_zone: Path, most: int) -> set[str] | None:
    """
    Return the names in the landing zone, whatever they name; None: there are more than `most`.

    Raises:
        LandingZoneAway: it cannot be listed.
    """
    try:
        with os.scandir(landing_zone) as entries:
            present = {entry.name for entry in islice(entries, most + 1)}
    except OSError as error:
        raise _away(landing_zone, error) from None
    return present if len(present) <= most else None


def _away(directory: Path, error: OSError) -> LandingZoneAway:
    return LandingZoneAway(
        f"landing zone {directory} cannot be listed: {error.strerror}; create it or set LANDING_ZONE"
    )


def closed_directories(landing_zone: Path) -> list[str]:
    """
    Return directories that cannot be listed, and symbolic links to directories, at any depth.

    Spark's file source would fail at the former and follow the latter, perhaps in a loop. It looks into
    every directory except those that it takes for hidden, and so does this function.
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
    """Return whether Spark ignores a directory of this name."""
    if name.startswith("_"):
        return "=" not in name and not name.startswith(("_metadata", "_common_metadata"))
    return name.startswith(".")


def publish(hidden: Path, target: Path) -> None:
    """Give a hidden file its name; raises FileExistsError: the name is taken."""
    try:
        os.link(hidden, target)  # unlike a rename, a link never replaces another file
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        if target.exists():  # a file system without links
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        hidden.rename(target)


def sync_directory(directory: Path) -> None:
    """Flush the names in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush(directory: Path) -> None:
    """
    Flush the file system of a directory to disk: no power loss takes its names and contents any more.

    One flush for all files takes as long as one for a single file.

    Raises:
        EnvironmentRefused: the directory is gone, or the disk fails.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            if LIBC.syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise EnvironmentRefused(
            f"{directory} cannot be flushed to disk: {error.strerror}; see to the disk, then run again"
        ) from None
