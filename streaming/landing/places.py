"""The landing zone and the quarantine of these settings: directories, or prefixes of an object store."""

from pathlib import Path
from typing import TYPE_CHECKING

from streaming.landing.directory import Directory
from streaming.landing.local_folder import LocalFolder
from streaming.landing.names import QUARANTINE
from streaming.landing.zone import Folder, Zone
from streaming.settings import Settings

if TYPE_CHECKING:  # the client of object stores is loaded where there is one
    from streaming.landing.bucket import Bucket


def zone(settings: Settings) -> Zone:
    """Return the landing zone; nothing is asked of it yet."""
    if isinstance(settings.landing_zone, Path):
        return Directory(settings.landing_zone)
    return _bucket(settings.landing_zone, settings)


def quarantine(settings: Settings) -> Folder:
    """Return the folder of the rejected rows; nothing is asked of it yet."""
    if isinstance(settings.quarantine, str):
        from streaming.landing.bucket_folder import BucketFolder

        return BucketFolder(_bucket(settings.quarantine, settings))
    if settings.quarantine is None and isinstance(settings.landing_zone, str):
        from streaming.landing.bucket_folder import BucketFolder

        return BucketFolder(_bucket(settings.landing_zone, settings), QUARANTINE)
    return LocalFolder(settings.quarantine_dir)


def _bucket(url: str, settings: Settings) -> "Bucket":
    from streaming.landing.bucket import Bucket

    return Bucket(url, settings.landing_zone_endpoint)
