"""
A landing zone that is a prefix of an object store: S3 and what speaks its protocol, GCS, Azure.

An object is there whole or not at all. Its identity is path, size, time (whole seconds) and ETag; two of
one second are ordered by path. Conditions (If-Match, If-None-Match) see to it that nothing is written or
removed that another wrote meanwhile; `conditions` asks whether the store keeps them.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused
from streaming.landing import bucket_conditions, bucket_dropping, copies, downloads, objects
from streaming.landing.bucket_settling import BucketSettling
from streaming.landing.names import ARCHIVE, is_hidden, is_ingestable
from streaming.landing.objects import Store
from streaming.landing.zone import Open

if TYPE_CHECKING:
    from obstore import ObjectMeta

LOOKS_AT_ONCE = 16
FEW = 50
"""Objects that are looked at one by one; more are listed, if they lie in the prefix itself."""

COPIED = 10 * 1024 * 1024
"""Bytes a second of a copy inside the store that is waited for."""


@dataclass(frozen=True)
class Bucket:
    """
    A landing zone at a URL as `s3://bucket/prefix`; `zone.Zone` tells what its methods do.

    `endpoint` is the URL of an own server; with `http://` it is asked without TLS. Whatever asks the
    store raises LandingZoneAway if it cannot be asked, after a few retries of at most half a minute.
    """

    url: str
    endpoint: str | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def store(self) -> Store:
        """The client of this process; raises EnvironmentRefused: the URL or endpoint is malformed."""
        return objects.store(self.url, self.endpoint)

    def listing(self) -> list[File]:
        """See `Zone`; raises EnvironmentRefused: the store gives no ETags."""
        return sorted(self._file(meta) for meta in self._direct() if is_ingestable(meta["path"]))

    def others(self) -> list[str]:
        """See `Zone`."""
        names = (meta["path"] for meta in self._direct())
        return sorted(n for n in names if n and not is_hidden(n) and not is_ingestable(n))

    def reach(self) -> None:
        """See `Zone`."""
        with objects.asking(self, "listed"):
            next(iter(self.store.list(chunk_size=1)), None)

    def look(self, paths: Iterable[str]) -> dict[str, File]:
        """See `Zone`."""
        wanted = list(dict.fromkeys(paths))
        if len(wanted) > FEW and not any("/" in path for path in wanted):
            files = {meta["path"]: meta for meta in self._direct()}
            return {path: self._file(files[path]) for path in wanted if path in files}
        with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
            looks = zip(wanted, pool.map(self._look, wanted), strict=True)
            return {path: file for path, file in looks if file is not None}

    def opened(self, file: File) -> AbstractContextManager[int]:
        """
        See `Zone`.

        The content is in hand, whole, when the block begins; nothing is looked at again at its end.
        """
        return downloads.opened(self._fetch, file)

    def ahead(self, files: Iterable[File]) -> AbstractContextManager[Open]:
        """See `Zone`."""
        return downloads.ahead(self._fetch, files)

    def drop(self, source: Path, name: str | None = None) -> tuple[str, bool]:
        """See `Zone`; refuses more than 5 GB, the most that a store puts at once."""
        return bucket_dropping.drop(self.url, self.endpoint, source, name)

    def flush(self) -> None:
        """See `Zone`; an object is kept as soon as it is there."""

    def watched(self) -> None:
        """See `Zone`."""

    def settling(self, seconds: float) -> BucketSettling:
        """See `Zone`; landed objects are whole, so `seconds` does not matter."""
        return BucketSettling()

    def archived(self) -> list[File]:
        """
        Return the files of the archive in ingest order; `mtime` is the time at which they landed.

        Raises:
            LandingZoneAway: it cannot be listed.
        """
        return sorted(file for file, _ in self._archived())

    def removable(self) -> list[tuple[File, int]]:
        """Return the copies in the archive, with the time they were made (nanoseconds since 1970)."""
        return [(file, made) for file, made in self._archived() if copies.parse(file.path)]

    def copy(self, file: File) -> File | None:
        """
        Copy a landed object into the archive, under a name that nobody else has; return the copy.

        None: the object is gone or another version by now; then there is no copy.
        """
        path = copies.own_name(file)
        store = objects.patient(self.url, self.endpoint, file.size, COPIED)
        with objects.asking(self, "copied in"):
            try:
                store.copy(file.path, path)
            except FileNotFoundError:
                return None
        made = self.look([path, file.path])
        if made.get(file.path) == file and path in made and made[path].size == file.size:
            return made[path]
        self.delete(path)
        return None

    def drop_landed(self, file: File) -> None:
        """Remove a landed object if it is still this version; gone or changed is no error."""
        bucket_conditions.delete(self.store, self.url, file.path, file.tag)

    def delete(self, path: str) -> None:
        """Remove an object, whatever version it is; one that is not there is no error."""
        with objects.asking(self, "written"):
            try:
                self.store.delete(path)
            except FileNotFoundError:
                return

    def conditions(self, *, archive: bool) -> None:
        """
        Write and remove an object of its own, to see whether the store keeps conditions.

        Raises:
            EnvironmentRefused: it ignores one: files would be lost; or, with `archive`, it ignores that
                of a removal.
        """
        bucket_conditions.check(self.store, self.url, archive=archive)

    def _direct(self) -> Iterable["ObjectMeta"]:
        with objects.asking(self, "listed"):
            return self.store.list_with_delimiter()["objects"]

    def _archived(self) -> list[tuple[File, int]]:
        with objects.asking(self, "listed"):
            metas = self.store.list(ARCHIVE, chunk_size=1000).collect()
        in_months = (o for o in metas if copies.MONTH.fullmatch(o["path"]))
        return [
            (self._file(o), _modified(o))
            for o in in_months
            if is_ingestable(o["path"].rpartition("/")[2])
        ]

    def _look(self, path: str) -> File | None:
        with objects.asking(self, "looked at"):
            try:
                return self._file(self.store.head(path))
            except (FileNotFoundError, ValueError):  # no key is like this path
                return None

    def _fetch(self, file: File) -> int:
        return downloads.download(self.store, file, self._file)

    def _file(self, meta: "ObjectMeta") -> File:
        """Return an object as a file; an archived one keeps the time at which it landed."""
        path, tag = meta["path"], meta["e_tag"]
        if not tag:
            raise EnvironmentRefused(
                f"{self} gives its objects no ETag, so that one version cannot be told from another; "
                "use a store that does"
            )
        copy = copies.parse(path)
        return File(copy.landed if copy else _modified(meta), path, meta["size"], tag.strip('"'))


def _modified(meta: "ObjectMeta") -> int:
    # Whole seconds: a listing may have more digits than the answer to a read.
    return int(meta["last_modified"].timestamp()) * copies.SECOND
