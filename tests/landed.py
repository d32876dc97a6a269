"""How tests put files into a landing zone, whichever of the two kinds it is."""

import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from streaming.landing.bucket import Bucket
from streaming.settings import Settings


class Landed(Protocol):
    """The files of a landing zone, as other programs write them."""

    def put(self, name: str, content: bytes, mtime: float) -> None:
        """Write a file whole; in a bucket the time is that of the put, in the order of the calls."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...

    def paths(self) -> list[str]:
        """Return the paths of all files, those of archive and quarantine too, in order."""
        ...

    def content(self, path: str) -> bytes:
        """Return what is in a file."""
        ...


class DirectoryFiles:
    """Files in a directory, each renamed into it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, content: bytes, mtime: float) -> None:
        hidden = self._directory / f".{name}.writing"
        hidden.write_bytes(content)
        os.utime(hidden, (mtime, mtime))
        hidden.replace(self._directory / name)

    def remove(self, path: str) -> None:
        (self._directory / path).unlink()

    def paths(self) -> list[str]:
        files = (path for path in self._directory.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self._directory)) for path in files)

    def content(self, path: str) -> bytes:
        return (self._directory / path).read_bytes()


class Put(NamedTuple):
    """One object that was put."""

    name: str
    content: bytes
    mtime: float
    second: int


class BucketFiles:
    """
    Objects in a bucket, whose times are whole seconds.

    Those of one second are ordered by name, so a put waits for the next second where its name would come
    before that of the put before it; with the same `mtime` both are put in one second.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._last: Put | None = None

    def put(self, name: str, content: bytes, mtime: float) -> None:
        last = self._last
        if last is not None and last.mtime == mtime:
            self._next_second()
            self._put(last.name, last.content)
        elif last is not None and last.second == int(time.time()) and name < last.name:
            self._next_second()
        self._put(name, content)
        self._last = Put(name, content, mtime, int(time.time()))

    def remove(self, path: str) -> None:
        self._bucket.delete(path)

    def paths(self) -> list[str]:
        return sorted(found["path"] for found in self._bucket.store.list().collect())

    def content(self, path: str) -> bytes:
        return bytes(self._bucket.store.get(path).bytes())

    def _put(self, name: str, content: bytes) -> None:
        self._bucket.store.put(name, content)

    def _next_second(self) -> None:
        second = int(time.time())
        while int(time.time()) == second:
            time.sleep(0.02)


def of(settings: Settings) -> Landed:
    """Return the files of the landing zone of these settings."""
    if isinstance(settings.landing_zone, Path):
        return DirectoryFiles(settings.landing_zone)
    return BucketFiles(Bucket(settings.landing_zone, settings.landing_zone_endpoint))
