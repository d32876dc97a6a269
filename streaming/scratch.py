"""
Temporary directories that end with their process.

Each is locked (flock) for as long as the process lives that made it. What a killed process left is not
locked any more, by whatever number the process went: the next one that makes a directory removes it.
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
# Those of versions before this have no lock, and may be in use.
LOCKED = ".locked"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")

_descriptors: dict[Path, int] = {}


def parent() -> Path:
    """
    Return where temporary directories are made: SPARK_LOCAL_DIRS (the first of them), else TMPDIR.

    A SPARK_LOCAL_DIRS that is not there is somebody else's.

    Raises:
        EnvironmentRefused: nothing can be written anywhere.
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
    Make a directory that is locked until this process ends, and remove what killed ones left beside it.

    Raises:
        EnvironmentRefused: there is no room for it, or no right to write there.
    """
    directory = directory or parent()
    _sweep(directory, prefix)
    try:
        while True:
            made = Path(tempfile.mkdtemp(dir=directory, prefix=prefix, suffix=LOCKED))
            with suppress(FileNotFoundError):  # somebody else swept it away before it was locked
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
    """Remove a directory with all that is in it, and its lock."""
    shutil.rmtree(made, ignore_errors=True)
    release(made)


def release(made: Path) -> None:
    """Give up the lock: the directory stays until the next one is made beside it, or is renamed."""
    os.close(_descriptors.pop(made))


def plain(made: Path) -> str:
    """
    Return a name of the directory that Java, Spark and shells take as it is, whatever it is called.

    They split names at spaces, commas and colons, and need UTF-8. Where the name is not plain it is that
    of the open directory in /proc, good for this process and those it starts, as long as it lives.
    """
    if _PLAIN.fullmatch(str(made)):
        return str(made)
    return f"/proc/{os.getpid()}/fd/{_descriptors[made]}"


def _sweep(directory: Path, prefix: str) -> None:
    for left in directory.glob(f"{prefix}*{LOCKED}"):
        with suppress(OSError):  # gone meanwhile, or not ours to open
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and locks.try_lock(descriptor):
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
