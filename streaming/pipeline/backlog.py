"""The files that wait to be ingested."""

import threading
import time
from collections.abc import Sequence

from streaming.domain.file import File
from streaming.landing import names, places
from streaming.landing.zone import Settling
from streaming.pipeline import archive
from streaming.pipeline.archive import Archive
from streaming.settings import Settings
from streaming.store.store import Store

POLL = 0.1


def waiting(settings: Settings, store: Store) -> list[File]:
    """Return the landed and archived files without a record as they are now, in ingest order."""
    archived = archive.of(settings, store)
    return unrecorded(sorted(places.zone(settings).listing() + archived.listing()), archived, store)


def unrecorded(files: Sequence[File], archived: Archive, store: Store) -> list[File]:
    """Return those of these files that have no record as they are, in the same order."""
    recorded = store.recorded(files)
    recorded |= archived.elsewhere(files, recorded)
    return [file for file in files if file.path not in recorded]


def await_archived(
    files: Sequence[File], settling: Settling, seconds: float, stop: threading.Event
) -> None:
    """
    Wait until those of these files that are in the archive are whole, or until `stop`.

    Redis lost their records, and they come before newer files. It waits for at most so many seconds.
    """
    archived = [file for file in files if names.is_archived(file.path)]

    def are_whole() -> bool:
        # A list: each of them has to be asked for, so that its time begins.
        return all([settling.settled(file) for file in archived])

    whole = are_whole()
    deadline = time.monotonic() + seconds
    while not whole and time.monotonic() < deadline and not stop.wait(POLL):
        whole = are_whole()
