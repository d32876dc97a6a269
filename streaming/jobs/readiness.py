"""Whether a following service is alive, and whether it is ready: what health checks ask."""

import os
import threading

from streaming.errors import CityFeaturesError
from streaming.jobs.lifetime import LazySpark
from streaming.settings import Settings
from streaming.store.store import Store


class Readiness:
    """The health of one process; each check returns what is wrong, a line each."""

    def __init__(
        self, settings: Settings, store: Store, spark: LazySpark, following: threading.Event
    ) -> None:
        self._settings = settings
        self._store = store
        self._spark = spark
        self._following = following

    def alive(self) -> list[str]:
        """Look at the process, which answers, and its JVM; one that was not started yet is no fault."""
        return ["Spark's JVM has ended: restart the service"] if self._spark.has_ended() else []

    def ready(self) -> list[str]:
        """Look whether Redis answers with the right format, files can be listed, and it follows."""
        wrong = self.alive()
        try:
            self._store.require_format()
        except CityFeaturesError as error:
            wrong.append(str(error))
        try:
            os.scandir(self._settings.landing_zone).close()  # the first entries are enough
        except OSError as error:
            wrong.append(f"landing zone {self._settings.landing_zone}: {error.strerror}")
        if not self._following.is_set():
            wrong.append("not following yet: it starts, or waits for what the log names")
        return wrong
