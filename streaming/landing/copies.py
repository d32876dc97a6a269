"""
Names the copies that are the archive of an object store: `_archive/YYYY-MM/<stem>~…<suffix>`.

A copy gets a new time, and perhaps a new ETag. So its name has the time at which the file landed, from
which the ingest order follows, and the identity of the landed object. Random digits make the name one
mover's own: nobody else writes or removes it.
"""

import re
import time
from calendar import timegm
from hashlib import sha256
from typing import NamedTuple
from uuid import uuid4

from streaming.domain.file import File
from streaming.landing.names import ARCHIVE, split_suffix

SECOND = 1_000_000_000
MOST_BYTES = 255
WIDEST = 4
"""Bytes of a character at which a name may be cut."""
MONTH = re.compile(rf"{ARCHIVE}/\d{{4}}-\d\d/[^/]+")
_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    rf"{ARCHIVE}/\d{{4}}-\d\d/(?P<stem>[^/]+)~(?P<landed>\d{{8}}T\d{{6}}Z)-(?P<identity>[0-9a-f]{{16}})"
    r"-[0-9a-f]{8}(?P<suffix>\.csv(?:\.gz)?)",
    re.IGNORECASE | re.DOTALL,
)


class Copy(NamedTuple):
    """
    What the name of a copy says.

    `original` is the name under which the file landed (cut, if it was longer than fits), `landed` the
    time of that in nanoseconds since 1970 (whole seconds), `identity` as of `identity`.
    """

    original: str
    landed: int
    identity: str


def identity(file: File) -> str:
    """
    Return 16 hexadecimal digits of a landed object's path, size, time and ETag.

    They tell apart what landed in one second: with 8, two of 20,000 objects would be taken for one, and
    one of them never counted, in one of 20 such seconds.
    """
    text = f"{file.path}\n{file.size}\n{file.mtime}\n{file.tag}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def own_name(file: File) -> str:
    """Return a new key in the archive for a copy of a landed object; its name has at most 255 bytes."""
    landed = time.gmtime(file.mtime // SECOND)
    stem, suffix = split_suffix(file.path)
    end = f"~{time.strftime(_TIME, landed)}-{identity(file)}-{uuid4().hex[:8]}{suffix}"
    stem = stem.encode()[: MOST_BYTES - len(end)].decode(errors="ignore")
    return f"{ARCHIVE}/{time.strftime('%Y-%m', landed)}/{stem}{end}"


def parse(path: str) -> Copy | None:
    """Return what the name of a copy says; None: it is not one of `own_name`."""
    match = _NAME.fullmatch(path)
    if not match:
        return None
    try:
        landed = timegm(time.strptime(match["landed"], _TIME))
    except ValueError:
        return None
    return Copy(match["stem"] + match["suffix"], landed * SECOND, match["identity"])


def is_cut(path: str) -> bool:
    """Return whether the name of a copy may have only the beginning of the name of its original."""
    return len(path.rpartition("/")[2].encode("utf-8", "surrogateescape")) > MOST_BYTES - WIDEST
