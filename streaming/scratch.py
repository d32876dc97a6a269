"""
Temporary directories that are removed after their process, even if it was killed.

A process holds a lock (flock) on each of its directories as long as it lives. A directory without a lock
is one that a killed process left; the next process that makes a directory beside it removes it. A lock,
unlike a process id in the name, cannot be mistaken: ids are used again.
"""

import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from streaming import locks
from streaming.errors import EnvironmentRefused

PREFIX = "city-features-"
# Directories of earlier versions have another suffix and no lock: they may be in use.
LOCKED = ".locked"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")

_descriptors: dict[Path, int] = {}


def parent() -> Path:
    """
    Return where temporary directories are made: the first one of SPARK_LOCAL_DIRS, else TMPDIR.

    A SPARK_LOCAL_DIRS that does not exist is ignored: it was set for another machine or container.

    Raises:
        EnvironmentRefused: neither is a directory that can be written.
    """
    listed = os.environ.get("SPARK_LOCAL_DIRS", "")
    for path in (Path(listed), Path(listed.split(",")[0])):
        if (
            _is_utf8(path)
            and path.is_absolute()
            and os.access(path, os.W_OK | os.X_OK)
            and path.is_dir()
        ):
            return path
    try:
        directory = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise EnvironmentRefused(
            f"no temporary directory can be written: {error.strerror}; set TMPDIR to one that can"
        ) from None
    if not _is_utf8(directory):
        raise EnvironmentRefused(
            f"Java cannot write to {str(directory)!r}, whose name is not UTF-8; set TMPDIR to another"
        )
    return directory


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def make(directory: Path | None = None, prefix: str = PREFIX) -> Path:
    """
    Make a directory that is locked until this process ends, and remove those of killed processes.

    Raises:
        EnvironmentRefused: the disk is full, or the parent directory cannot be written.
    """
    directory = directory or parent()
    _sweep(directory, prefix)
    try:
        while True:
            made = Path(tempfile.mkdtemp(dir=directory, prefix=prefix, suffix=LOCKED))
            with suppress(FileNotFoundError):  # another process removed it before it was locked
                descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
                if locks.try_lock(descriptor) and made.exists():
                    _descriptors[made] = descriptor
                    return made
                os.close(descriptor)
    except OSError as error:
        raise EnvironmentRefused(
            f"the temporary directory {directory} cannot be written: {error.strerror}; "
            "make room or set TMPDIR to another"
        ) from None


def remove(made: Path) -> None:
    """Remove a directory with its content, and release its lock."""
    shutil.rmtree(made, ignore_errors=True)
    release(made)


def release(made: Path) -> None:
    """Release the lock; the directory stays until it is renamed, or the next `make` removes it."""
    os.close(_descriptors.pop(made))


def plain(made: Path) -> str:
    """
    Return a path of the directory that Java, Spark and shells can use as it is.

    They split paths at spaces, commas and colons, and need UTF-8. For any other path this returns the
    open directory in /proc. That path works in this process and in those it starts, while it lives.
    """
    if _PLAIN.fullmatch(str(made)):
        return str(made)
    return f"/proc/{os.getpid()}/fd/{_descriptors[made]}"


def _sweep(directory: Path, prefix: str) -> None:
    for abandoned in directory.glob(f"{prefix}*{LOCKED}"):
        with suppress(OSError):  # gone meanwhile, or of another user
            descriptor = os.open(abandoned, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and locks.try_lock(descriptor):
                    shutil.rmtree(abandoned, ignore_errors=True)
            finally:
                os.close(descriptor)
