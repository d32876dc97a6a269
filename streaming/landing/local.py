"""
Lists the files of a landing zone on a local or mounted file system, and names files in it.

Names decide what is ingested, so the rules about names are here too.
"""

import errno
import os
from pathlib import Path

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused, LandingZoneAway

SUFFIXES = (".csv", ".csv.gz")


def is_ingestable(name: str) -> bool:
    """Return whether the service ingests files of this name; the case of letters does not matter."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_packed(name: str) -> bool:
    """Return whether a file of this name is a gzip file."""
    return name.lower().endswith(".gz")


def is_hidden(name: str) -> bool:
    """Return whether files of this name are ignored, as those still being written are."""
    return name.startswith((".", "_"))


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
        raise LandingZoneAway(
            f"landing zone {directory} cannot be listed: {error.strerror}; "
            "create it or set LANDING_ZONE"
        ) from None


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


def split_suffix(name: str) -> tuple[str, str]:
    """Return an ingestable name without its suffix, and the suffix."""
    end = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(s))
    return name[: -len(end)], name[-len(end) :]


def sync_directory(directory: Path) -> None:
    """Flush the names in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
