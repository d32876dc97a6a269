"""
Waits while Redis or the landing zone is away, and logs what it waits for.

An always-on service (`run --follow`) ends when someone stops it, not because of an outage.
"""

import threading
import time

import structlog

from streaming.errors import CityFeaturesError, LandingZoneAway, Retryable

FIRST = 0.5
LONGEST = 15.0
LOG_SECONDS = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.outage")


def is_outage(error: CityFeaturesError) -> bool:
    """Return whether an error may pass with time, without a person."""
    return isinstance(error, Retryable | LandingZoneAway)


class Outage:
    """
    One outage: pauses that grow from FIRST to LONGEST seconds while the same work keeps failing.

    It logs the reason at once and then every LOG_SECONDS, and the end of the outage.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pause = FIRST
        self._began: float | None = None
        self._logged: tuple[type[CityFeaturesError], float] | None = None
        self._working_since = time.monotonic()

    def wait(self, error: CityFeaturesError) -> None:
        """Pause after a failure; `stop` ends the pause."""
        now = time.monotonic()
        if self._began is None:
            # If it worked for a moment only, this is the same outage: its pauses go on growing.
            if now - self._working_since > LONGEST:
                self._pause = FIRST
            self._began, self._logged = now, None
        if (
            self._logged is None
            or type(error) is not self._logged[0]
            or now - self._logged[1] >= LOG_SECONDS
        ):
            log.warning("waiting, then trying again", why=str(error), seconds=round(now - self._began))
            self._logged = type(error), now
        self._stop.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST)

    def over(self) -> None:
        """Note that the work succeeded."""
        if self._began is not None:
            self._working_since = time.monotonic()
            log.info("going on", after_seconds=round(self._working_since - self._began))
            self._began = None
