"""
Opens a landed file for reading.

A file is read only as the file that was listed: not through a link, which could lead out of the landing
zone, and with the same size and time from the first byte to the last.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streaming.errors import FileRejected


class Changed(Exception):
    """The file is gone, or no longer the one that was listed."""


@contextmanager
def opened(path: Path, size: int, mtime: int) -> Iterator[int]:
    """
    Open a regular file, never through a link, and yield its descriptor.

    Guarantee: when the block ends without an error, the file had this size (bytes) and mtime
    (nanoseconds since 1970) while it was read.

    Raises:
        Changed: it is gone, or has another size or mtime, before the block or after it.
        FileRejected: it is a directory, a link, a pipe or another thing that is not a file.
        OSError: it may not be read.
    """
    # Non-blocking: a pipe without a writer would hold the stream for ever.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Changed from None
    except OSError:
        _check(path.lstat(), size, mtime)
        raise
    try:
        _check(os.fstat(descriptor), size, mtime)
        try:
            yield descriptor
        except FileRejected:
            # A file that is still being written may look broken: then it changed, and is read again.
            _check(os.fstat(descriptor), size, mtime)
            raise
        _check(os.fstat(descriptor), size, mtime)
    finally:
        os.close(descriptor)


def _check(status: os.stat_result, size: int, mtime: int) -> None:
    # Size and mtime first: a file replaced by a link counts as changed and is judged on the next look.
    if (status.st_size, status.st_mtime_ns) != (size, mtime):
        raise Changed
    _check_kind(status)


def _check_kind(status: os.stat_result) -> None:
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    if not stat.S_ISREG(status.st_mode):
        raise FileRejected(f"not a file: {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}")
