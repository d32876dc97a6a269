"""Decides when an object is whole: at once, but a copy in the archive may be in its mover's hands."""

import threading
import time
from collections.abc import Callable

from streaming.domain.file import File
from streaming.landing.names import is_archived

SECONDS = 10.0
"""In which a mover has recorded its copy or removed it."""


class BucketSettling:
    """
    Remembers since when it has seen archived objects. Several threads may ask.

    Guarantee: an archived object counts as whole only after this was asked about it for 10 seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[File, float] = {}
        self._lock = threading.Lock()

    def settled(self, file: File) -> bool:
        """Return whether an object is whole: a landed one is."""
        if not is_archived(file.path):
            return True
        now = self._clock()
        with self._lock:
            return now - self._since.setdefault(file, now) >= SECONDS
