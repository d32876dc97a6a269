"""Whether a following service is alive, and whether it is ready: what health checks ask."""

import threading

from streaming.errors import CityFeaturesError
from streaming.jobs.lifetime import LazySpark
from streaming.landing import places
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
            places.zone(self._settings).reach()
        except CityFeaturesError as error:
            wrong.append(str(error))
        if not self._following.is_set():
            wrong.append("not following yet: it starts, or waits for what the log names")
        return wrong
