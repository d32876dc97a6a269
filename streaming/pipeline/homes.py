"""Where a file goes in the archive of a directory: its *home* follows from name, size and time alone."""

import os
import time
from hashlib import sha256
from pathlib import PurePosixPath

from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.landing import names
from streaming.landing.names import ARCHIVE


def archive_paths(file: File) -> tuple[str, str]:
    """Return the home of a landed file in the archive, and its home if that name is taken."""
    month = f"{ARCHIVE}/{time.strftime('%Y-%m', time.gmtime(file.mtime // 1_000_000_000))}"
    identity = os.fsencode(f"{file.path}\n{file.size}\n{file.mtime}")
    return f"{month}/{file.path}", f"{month}/{tagged(file.path, sha256(identity).hexdigest())}"


def tagged(name: str, tag: str) -> str:
    """Return a name with eight characters of a tag, cut so that it fits."""
    stem, suffix = names.split_suffix(name)
    most = min(240, 246 - len(suffix))  # a name has at most 255 bytes
    return f"{os.fsdecode(os.fsencode(stem)[:most])}~{tag[:8]}{suffix}"


def original_name(path: str, record: Record) -> str:
    """Return the name under which the file of this record was dropped into the landing zone."""
    name = PurePosixPath(path).name
    stem, suffix = names.split_suffix(name)
    # The tag first: it fits one name alone, while any name of the archive may be the one it had before.
    candidates = (f"{stem.rpartition('~')[0]}{suffix}", name)
    originals = (n for n in candidates if path in archive_paths(File(record.mtime, n, record.size)))
    return next(originals, path)
