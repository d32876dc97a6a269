"""Files in the landing zone: which there are, whether they stand still, and how one is dropped."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar
from uuid import uuid4

from streaming.errors import EnvironmentRefused

SUFFIXES = (".csv", ".csv.gz")


class File(NamedTuple):
    """
    A file as it was looked at; its identity is all of it.

    Sorts in ingest order: oldest first, then by path. `path` is relative to the landing zone,
    `size` in bytes, `mtime` in nanoseconds since 1970.
    """

    mtime: int
    path: str
    size: int


class Sized(Protocol):
    """What has a size in bytes."""

    @property
    def size(self) -> int: ...  # noqa: D102


SizedT = TypeVar("SizedT", bound=Sized)


def is_looked_at(name: str) -> bool:
    """Return whether a file of this name is ingested at all."""
    return name.endswith(SUFFIXES) and not name.startswith((".", "_"))


def look(landing_zone: Path, path: str) -> File | None:
    """Return a file as it is now, or None if it is gone."""
    try:
        status = (landing_zone / path).lstat()
    except FileNotFoundError:
        return None
    return File(status.st_mtime_ns, path, status.st_size)


def listing(landing_zone: Path, inside: str = "") -> list[File]:
    """
    Return the files of the landing zone, or of a directory inside it, in ingest order.

    Raises:
        EnvironmentRefused: it can not be listed.
    """
    directory = landing_zone / inside
    prefix = f"{inside}/" if inside else ""
    try:
        with os.scandir(directory) as entries:
            found = []
            for entry in entries:
                if is_looked_at(entry.name):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found.append(File(status.st_mtime_ns, prefix + entry.name, status.st_size))
            return sorted(found)
    except OSError as error:
        raise EnvironmentRefused(
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


def stands_still(landing_zone: Path, file: File, seconds: float) -> bool:
    """
    Return whether a file is complete, as far as the file system tells.

    It is when it was renamed (or otherwise finished off, as cp -p, rsync and mv do: the inode
    changed after the last write), or has not changed for `seconds`; five times as long when its
    last line has no end, as a writer may be in the middle of it.
    """
    path = landing_zone / file.path
    try:
        status = path.lstat()
        if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime):
            return False
        if status.st_ctime_ns > status.st_mtime_ns:
            return True
        quiet = time.time() - status.st_mtime
        if 0 <= quiet < seconds * 5 and not path.is_symlink() and path.is_file():
            return quiet >= seconds and _ends_a_line(path)
        return True
    except OSError:
        return False


def batches(files: Iterable[SizedT], most_files: int, most_bytes: int) -> Iterator[list[SizedT]]:
    """Cut files, in order, into batches of bounded count and bytes; a larger file stands alone."""
    batch: list[SizedT] = []
    size = 0
    for file in files:
        if batch and (len(batch) >= most_files or size + file.size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


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
    if not is_looked_at(name) or Path(name).name != name:
        raise EnvironmentRefused(
            f"{name!r} would not be looked at: use --as with a plain name that ends in "
            ".csv or .csv.gz and does not begin with . or _"
        )
    hidden = landing_zone / f".{uuid4().hex}.dropping"
    try:
        with source.open("rb") as reader, hidden.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            writer.flush()
            # A little before now: the link below then shows as later, so nobody waits (stands_still).
            written = time.time_ns() - 20_000_000
            os.utime(writer.fileno(), ns=(written, written))
            os.fsync(writer.fileno())
        digest = _digest(hidden)
        stem, suffix = split(name)
        again = iter([digest[:8]])  # the same for the same content: dropped again it is found again
        while True:
            target = landing_zone / name
            try:
                _place(hidden, target)
                _sync(landing_zone)
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
        hidden.unlink(missing_ok=True)


def _place(hidden: Path, target: Path) -> None:
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
    suffix = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s))
    return name.removesuffix(suffix), suffix


def _digest(path: Path) -> str:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ends_a_line(path: Path) -> bool:
    if path.name.endswith(".gz"):
        return True
    with path.open("rb") as reader:
        reader.seek(0, os.SEEK_END)
        if reader.tell() == 0:
            return False
        reader.seek(-1, os.SEEK_END)
        return reader.read(1) in b"\r\n"
