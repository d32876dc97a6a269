"""The newest snapshot that is there, at once: a newer one is read beside the pages."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from streaming.errors import CityFeaturesError
from streaming.panel import snapshot
from streaming.panel.snapshot import Snapshot
from streaming.store.store import Store

PATIENCE = 0.4
"""Seconds that a page waits for a newer snapshot before it shows the one that is there."""
SLOW = 5.0
"""Seconds after which a Redis that has not answered counts as away."""
CHECK_SECONDS = 0.25
"""Seconds after which Redis is asked again whether there is a newer version."""


@dataclass(frozen=True)
class Current:
    """
    What a page is made from.

    Attributes:
        snapshot: the newest that was read; None: Redis never answered.
        is_behind: whether Redis has a newer version, which is being read.
        outage: why Redis cannot be read at the moment; None: it can.
        since: since when it cannot (UTC).
    """

    snapshot: Snapshot | None
    is_behind: bool = False
    outage: str | None = None
    since: datetime | None = None


class Snapshots:
    """
    The snapshots of one Redis, for the threads of one server.

    Guarantee: `current` returns within PATIENCE once there is a snapshot, and within SLOW in any case,
    whatever Redis does. What it returns is never older than the answer before. Nothing is read while
    nobody asks.
    """

    def __init__(self, connect: Callable[[], Store]) -> None:
        self._connect = connect
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._current = Current(None)
        self._reading: threading.Thread | None = None
        self._began = 0.0
        self._checked = -CHECK_SECONDS

    def current(self) -> Current:
        """Return the newest snapshot, read anew if Redis has a newer version and answers in time."""
        with self._lock:
            if self._reading is None and time.monotonic() - self._checked >= CHECK_SECONDS:
                self._began = time.monotonic()
                self._reading = threading.Thread(target=self._read, daemon=True, name="snapshot")
                self._reading.start()
            reading = self._reading
        if reading is not None:
            reading.join(SLOW if self._current == Current(None) else PATIENCE)
        current, late = self._current, time.monotonic() - self._began
        if reading is not None and reading.is_alive() and late >= SLOW and current.outage is None:
            since = datetime.now(UTC) - timedelta(seconds=late)
            return replace(current, outage=f"no answer for {late:.0f} s", since=since)
        return current

    def store(self) -> Store:
        """Return the store; raises CityFeaturesError where there is none to connect to."""
        if self._store is None:
            self._store = self._connect()
        return self._store

    def _read(self) -> None:
        """Bring the snapshot up to date, or note why that is not possible."""
        before = self._current
        try:
            store = self.store()
            store.require_format()
            known = before.snapshot
            if known is None or store.position() != (known.version, known.commit):
                if known is not None:
                    self._current = Current(known, is_behind=True)
                known = snapshot.read(store)
            self._current = Current(known)
        except CityFeaturesError as error:
            since = before.since or datetime.now(UTC)
            self._current = Current(before.snapshot, outage=str(error), since=since)
        finally:
            with self._lock:
                self._checked = time.monotonic()
                self._reading = None
