"""The job `arrivals`: which files a run would ingest now. It looks, and changes nothing."""

from streaming.domain.file import File
from streaming.landing import places
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store import keys, lease
from streaming.store.store import connect


class Arrivals:
    """
    Looks again and again for files that have arrived in the landing zone.

    Guarantee: neither the landing zone nor Redis is written, so a user who may read the records of
    files will do (`leitor` in docker/users.acl).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._settling = places.zone(settings).settling(settings.settle_seconds)

    def look(self) -> list[File] | None:
        """
        Return the files without a record that are whole, in ingest order.

        None: `run` or `run --follow` has the landing zone, on whichever machine, and takes them.

        Raises:
            CityFeaturesError: Redis or the landing zone is away, or cannot be read.
        """
        store = connect(self._settings, retries=1)
        zone = self._settings.landing_zone_name
        if any(lease.is_held(store, role, zone) for role in (keys.RUN, keys.FOLLOW)):
            return None
        files = waiting(self._settings, store)
        return [file for file in files if self._settling.settled(file)]
