"""
What an always-on service does while Redis or the landing zone is away: it waits, and says for what.

`run --follow` is ended by whoever started it, not by an outage.
"""

import threading
import time

import structlog

from streaming.errors import CityFeaturesError, LandingZoneAway, Retryable

FIRST = 0.5
LONGEST = 15.0
SAY_EVERY = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.outage")


def is_outage(error: CityFeaturesError) -> bool:
    """Return whether an error passes by itself, with time."""
    return isinstance(error, Retryable | LandingZoneAway)


class Outage:
    """
    Pauses that grow from FIRST to LONGEST seconds while something fails again and again.

    Says what is waited for at once and every SAY_EVERY seconds, and when it is over.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pause = FIRST
        self._began: float | None = None
        self._said: tuple[type[CityFeaturesError], float] | None = None
        self._well_since = time.monotonic()

    def wait(self, error: CityFeaturesError) -> None:
        """Pause after a failure, until `stop` is set at the latest."""
        now = time.monotonic()
        if self._began is None:
            # What works for a moment and fails again is one outage: its pauses go on growing.
            if now - self._well_since > LONGEST:
                self._pause = FIRST
            self._began, self._said = now, None
        if self._said is None or type(error) is not self._said[0] or now - self._said[1] >= SAY_EVERY:
            log.warning("waiting, then trying again", why=str(error), seconds=round(now - self._began))
            self._said = type(error), now
        self._stop.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST)

    def over(self) -> None:
        """Note that everything works."""
        if self._began is not None:
            self._well_since = time.monotonic()
            log.info("going on", after_seconds=round(self._well_since - self._began))
            self._began = None
