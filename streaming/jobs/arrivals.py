"""The job `arrivals`: which files a run would ingest now. It looks, and changes nothing."""

from streaming import locks
from streaming.domain.file import File
from streaming.pipeline.backlog import waiting
from streaming.pipeline.settling import Settling
from streaming.settings import Settings
from streaming.store.store import connect

DRIVERS = ("run", "follow")


class Arrivals:
    """
    Looks again and again for files that have arrived in the landing zone.

    Guarantee: neither the landing zone nor Redis is written, so a user who may read the records of
    files will do (`leitor` in docker/users.acl).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._settling = Settling(settings.landing_zone, settings.settle_seconds)

    def look(self) -> list[File] | None:
        """
        Return the files without a record that are whole, in ingest order.

        None: `run` or `run --follow` has a checkpoint, and takes them.

        Raises:
            CityFeaturesError: Redis or the landing zone is away, or cannot be read.
        """
        if any(locks.is_held(self._settings, driver) for driver in DRIVERS):
            return None
        files = waiting(self._settings, connect(self._settings, retries=1))
        return [file for file in files if self._settling.settled(file)]
