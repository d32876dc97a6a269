"""Drops a file into an object store: whole or not at all, and never over another object."""

import mmap
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from obstore.exceptions import AlreadyExistsError, PreconditionError

from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import objects
from streaming.landing.names import dropped_as, free_names
from streaming.landing.objects import Store

DIGEST = "sha256"
"""The metadata of an object that says what is in it; objects of others have none."""
MOST = 5 * 1024**3
"""Bytes that a single put takes (S3); only that one can be refused where the name is taken."""
LONGEST = 255
"""Bytes of a name, as of a file."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
PIECE = 1024 * 1024
SLOWEST = 512 * 1024
"""Bytes a second of a put that is waited for."""
CONFLICTS = 5


def drop(url: str, endpoint: str | None, source: Path, name: str | None) -> tuple[str, bool]:
    """Copy a file into the prefix, as `Zone.drop` tells."""
    name = _as_key(dropped_as(source, name))
    # What is hashed is what is sent, whatever becomes of the source meanwhile.
    with tempfile.TemporaryFile() as content:
        digest, size = _copied(source, content)
        store = objects.patient(url, endpoint, size, SLOWEST)
        with _body(content, size) as body, objects.asking(url, "written"):
            for candidate in free_names(name, digest):
                if (is_new := _put(store, candidate, body, digest, size, url)) is not None:
                    return candidate, is_new
    raise AssertionError("names never end")


def _as_key(name: str) -> str:
    """Return a name that every store keeps as it is; raises EnvironmentRefused: it is none."""
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > LONGEST or _UNFIT.search(name):
        raise EnvironmentRefused(
            f"{name!r} cannot be the name of an object: it has more than {LONGEST} bytes, a backslash, "
            "a control character or bytes that are not UTF-8; use --as with another name"
        )
    return name


def _copied(source: Path, content: IO[bytes]) -> tuple[str, int]:
    """Copy a file; return its SHA-256 and size; raises EnvironmentRefused."""
    digest, size = sha256(), 0
    try:
        with source.open("rb") as reader:
            while piece := reader.read(PIECE):
                digest.update(piece)
                size += content.write(piece)
                if size > MOST:
                    raise EnvironmentRefused(
                        f"{source} has more than 5 GB, which no object store takes at once; split it"
                    )
        content.flush()
    except OSError as error:
        raise EnvironmentRefused(
            f"{error.filename or source} could not be dropped: {error.strerror}"
        ) from None
    return digest.hexdigest(), size


@contextmanager
def _body(content: IO[bytes], size: int) -> Iterator[bytes | mmap.mmap]:
    """Yield the content for a put, which holds it in memory: pages of a file, not a copy."""
    if not size:
        yield b""
        return
    with mmap.mmap(content.fileno(), size, access=mmap.ACCESS_READ) as body:
        yield body


def _put(
    store: Store, name: str, body: bytes | mmap.mmap, digest: str, size: int, url: str
) -> bool | None:
    """Return whether the object was put, False: the same content has this name, None: other content."""
    for _ in range(CONFLICTS):
        try:
            store.put(name, body, mode="create", attributes={DIGEST: digest})
            return True
        except AlreadyExistsError:
            # Also the answer of a store at which two writers met, and of a put that was tried again.
            content = _digest(store, name, size)
        if content is not None:
            return False if content == digest else None
    raise LandingZoneAway(f"{url} cannot be written: others write {name!r} all the time; try again")


def _digest(store: Store, name: str, size: int) -> str | None:
    """Return the SHA-256 of an object, "" if it has another size; None: there is none by now."""
    try:
        present = store.get(name, options={"head": True})
        if present.meta["size"] != size:
            return ""
        if known := present.attributes.get(DIGEST):
            return known
        digest = sha256()
        for piece in store.get(name, options={"if_match": present.meta["e_tag"]}):
            digest.update(piece)
        return digest.hexdigest()
    except (FileNotFoundError, PreconditionError):
        return None
