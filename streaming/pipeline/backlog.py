"""The files that wait to be ingested."""

from streaming.domain.file import File
from streaming.landing import local
from streaming.pipeline import archive
from streaming.settings import Settings
from streaming.store.store import Store


def waiting(settings: Settings, store: Store) -> list[File]:
    """Return the landed and archived files without a record as they are now, in ingest order."""
    zone = settings.landing_zone
    files = sorted(local.listing(zone) + archive.listing(zone))
    recorded = store.recorded(files)
    unrecorded = [file for file in files if file.path not in recorded]
    moving = archive.half_moved(unrecorded, zone, store)
    return [file for file in unrecorded if file.path not in moving]
