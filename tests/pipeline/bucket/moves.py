"""What tests of the archive in a bucket need: counted objects, and movers that die at a step."""

import time
from collections.abc import Callable

from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.landing import places
from streaming.landing.bucket import Bucket
from streaming.pipeline.bucket_archive import BucketArchive
from streaming.settings import Settings
from streaming.store.store import Store
from tests import landed

AT = "2026-11-26T09:00:00.000000+00:00"


class Killed(BaseException):
    """A mover that went no further."""


class Dying(Bucket):
    """A bucket in whose mover's life there is an end: `dies` is asked before and after each step."""

    dies: Callable[[str], None]

    def copy(self, file: File) -> File | None:
        self.dies("before the copy")
        copy = super().copy(file)
        self.dies("after the copy")
        return copy

    def drop_landed(self, file: File) -> None:
        self.dies("before the removal")
        super().drop_landed(file)
        self.dies("after the removal")


def count(store: Store, *files: File) -> None:
    """Give files a record, as a commit does."""
    version = store.version()
    records = {f.path: _record(f, version + 1, order) for order, f in enumerate(files)}
    store.merge(Commit(version, AT, {}, {}, records))


def _record(file: File, version: int, order: int) -> Record:
    return Record(file.size, file.mtime, 1, 0, 1, 0, "ingested", version, AT, order=order, tag=file.tag)


def land(settings: Settings, name: str, content: bytes = b"a") -> File:
    landed.of(settings).put(name, content, time.time())
    return places.zone(settings).look([name])[name]


def paths(settings: Settings) -> list[str]:
    return landed.of(settings).paths()


def dying(
    settings: Settings, store: Store, bucket: Bucket, dies: Callable[[str], None]
) -> BucketArchive:
    made = Dying(bucket.url, bucket.endpoint)
    object.__setattr__(made, "dies", dies)
    return BucketArchive(settings, store, made)


def older(store: Store) -> Callable[[], None]:
    """Return what puts Redis back to the records that it has now."""
    records = store.records()

    def restore() -> None:
        store.client.flushall()
        store.merge(Commit(0, AT, {}, {}, records))

    return restore
