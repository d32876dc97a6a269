"""
The archive: counted files that moved out of the way, to `_archive/YYYY-MM/` in the landing zone.

The record of a file in Redis is stored under the file's path, so both move, and a run may be killed
between the two. What is moved, and how, depends on the landing zone: renamed in a directory
(`directory_archive`), copied in an object store (`bucket_archive`).
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.landing import copies
from streaming.pipeline import homes
from streaming.pipeline.directory_archive import DirectoryArchive
from streaming.settings import Settings
from streaming.store.store import Store


class Archive(Protocol):
    """The archive of one landing zone, whose records are in one Redis."""

    def listing(self) -> list[File]:
        """
        Return its files in ingest order; an archive that cannot be read is empty, with a warning.

        Raises:
            LandingZoneAway: the landing zone itself cannot be searched.
        """
        ...

    def elsewhere(self, files: Sequence[File], recorded: Container[str]) -> set[str]:
        """
        Return which files without a record are one with a record under another path: half moved.

        Args:
            files: of the landing zone and the archive, all that there are.
            recorded: the paths of those that have a record.
        """
        ...

    def located(self, records: Mapping[str, Record]) -> dict[str, File]:
        """Return path of record → file, of the records whose files exist as they were read."""
        ...

    def sweep(self) -> int:
        """
        Move every ingested file of the landing zone to the archive; return how many were moved.

        Nothing is moved with ARCHIVE=off. Rejected files stay for a person to look at. A sweep may be
        repeated, and killed at any point. A file that cannot be moved stays where it is, and counted,
        for a later sweep; the log has a warning.
        """
        ...


def of(settings: Settings, store: Store) -> Archive:
    """Return the archive of these settings."""
    if isinstance(settings.landing_zone, Path):
        return DirectoryArchive(settings, store)
    # The client of object stores is loaded where there is one.
    from streaming.landing.bucket import Bucket
    from streaming.pipeline.bucket_archive import BucketArchive

    return BucketArchive(settings, store, Bucket(settings.landing_zone, settings.landing_zone_endpoint))


def original_name(path: str, record: Record) -> str:
    """Return the name under which the file of this record was dropped into the landing zone."""
    copy = copies.parse(path)
    return copy.original if copy and record.tag else homes.original_name(path, record)


def in_ingest_order(records: Mapping[str, Record], archive: Archive) -> dict[str, File]:
    """Return path → file of the records whose files exist, in the order of their ingestion."""
    files = archive.located(records)
    ordered = sorted(records.items(), key=lambda r: (r[1].version, r[1].order, r[1].mtime, r[0]))
    return {path: files[path] for path, _ in ordered if path in files}
