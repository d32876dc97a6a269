"""The files that wait to be ingested."""

from collections.abc import Sequence

from streaming.domain.file import File
from streaming.landing import places
from streaming.pipeline import archive
from streaming.pipeline.archive import Archive
from streaming.settings import Settings
from streaming.store.store import Store


def waiting(settings: Settings, store: Store) -> list[File]:
    """Return the landed and archived files without a record as they are now, in ingest order."""
    archived = archive.of(settings, store)
    return unrecorded(sorted(places.zone(settings).listing() + archived.listing()), archived, store)


def unrecorded(files: Sequence[File], archived: Archive, store: Store) -> list[File]:
    """Return those of these files that have no record as they are, in the same order."""
    recorded = store.recorded(files)
    recorded |= archived.elsewhere(files, recorded)
    return [file for file in files if file.path not in recorded]
