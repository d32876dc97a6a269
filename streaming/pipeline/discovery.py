"""
Decides which files of the landing zone are ingested next, for a query that follows.

Redis says what was ingested. What it said is remembered between two reconciliations, so that a look at
20,000 counted files asks it for none of them.
"""

import threading
import time
from collections.abc import Iterable

from streaming.domain.file import File
from streaming.landing import names, places
from streaming.landing.watch import Watch
from streaming.landing.zone import Settling
from streaming.pipeline import archive
from streaming.pipeline.aside import Aside
from streaming.pipeline.backlog import unrecorded
from streaming.pipeline.journal import Journal
from streaming.settings import Settings
from streaming.store.store import Store, revive

AGAIN = 0.1
"""Seconds between two looks at files that are still being written."""
LISTING = 0.25
"""Seconds between two listings, at least."""
SPACED, WATCHED = 20, 100
"""How many times as long as a listing took it is to the next one; longer if changes are watched."""


class Discovery:
    """
    Hands out the files to ingest, to one consumer at a time.

    Guarantee: a file of the landing zone without a record in Redis is handed out once it is whole, and
    again as long as it has no record; one that could not be read when it is due (`Aside`). A file that
    has a record as it is now is not handed out. What was handed out counts as done when the next is
    asked for.

    A change is known when it is watched, else by a listing, which is made after LISTING seconds or later
    (SPACED, WATCHED). Records are compared with all files, those of the archive too, each
    `reconcile_seconds`.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        settling: Settling,
        aside: Aside,
        journal: Journal,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._settling = settling
        self._aside = aside
        self._journal = journal
        self._stop = stop
        self._zone = places.zone(settings)
        self._archive = archive.of(settings, store)
        self._watch = Watch(self._zone.watched())
        self._recorded: set[File] = set()
        self._paths: set[str] = set()  # to be looked at: changed, being written, or handed out
        self._looked = 0.0
        self._pause = 0.0
        self._listing_due = 0.0
        self._reconcile_due = 0.0

    def next(self, seconds: float) -> list[File]:
        """
        Return the files to ingest now, in ingest order, after waiting for some for at most `seconds`.

        Raises:
            LandingZoneAway: the landing zone cannot be listed; the next call begins with all of it.
            RedisUnavailable, RedisRefused: the same for Redis.
        """
        deadline = time.monotonic() + seconds
        while not (files := self._look()) and not self._stop.is_set() and time.monotonic() < deadline:
            due = [deadline, self._listing_due, self._reconcile_due]
            if self._paths:
                due.append(self._looked + AGAIN)
            self._wait(min(due))
        return files

    def _wait(self, due: float) -> None:
        """Wait until then, until `stop`, or until a file changes that is not looked at then anyway."""
        while (now := time.monotonic()) < due and not self._stop.is_set():
            changed = self._watch.changes(due - now, self._stop)
            if changed is None:  # to be listed, but not for each event that cannot be told
                self._stop.wait(min(due - now, self._pause))
                return
            if changed := {name for name in changed - self._paths if names.is_ingestable(name)}:
                self._paths |= changed
                return

    def _look(self) -> list[File]:
        """Return the files to ingest now; if anything fails, the next look is at everything."""
        try:
            files = self._due(self._unrecorded())
        except BaseException:
            self._reconcile_due = 0.0
            raise
        self._looked = time.monotonic()
        return files

    def _due(self, files: list[File]) -> list[File]:
        settled = [f for f in files if self._settling.settled(f)]
        if any(names.is_archived(f.path) for f in set(files) - set(settled)):
            settled = []  # Redis lost records of archived files, which come before newer ones
        due = [f for f in settled if self._aside.is_due(f)]
        # Those set aside are looked at again by a later reconciliation.
        self._paths = {f.path for f in files} - {f.path for f in settled} | {f.path for f in due}
        return due

    def _unrecorded(self) -> list[File]:
        """Return files without a record: of all there are if it is time for that, else of `_paths`."""
        at = time.monotonic()
        is_due = at >= self._reconcile_due
        renewed = self._watch.renew(again=is_due)  # before the listing, so that no change is missed
        if is_due:
            return self._reconciled(at)
        if at < self._listing_due and not renewed:
            return self._remembered(self._recorded, self._present(self._paths), at)
        files = self._zone.listing()
        archived = self._present(filter(names.is_archived, self._paths))
        self._list_later(at)
        return self._remembered(self._recorded & set(files), archived + files, at)

    def _reconciled(self, at: float) -> list[File]:
        """Compare all files with the records in Redis; return those without one."""
        revive(self._settings)
        landed = self._zone.listing()
        self._list_later(at)
        files = unrecorded(sorted(landed + self._archive.listing()), self._archive, self._store)
        self._recorded = set(landed) - set(files)
        self._journal.listed(files, at)
        self._aside.keep(files)
        self._reconcile_due = at + self._settings.reconcile_seconds
        return files

    def _remembered(self, recorded: set[File], files: list[File], at: float) -> list[File]:
        """Return those of these files that have no record; those `recorded` have one."""
        candidates = sorted(set(files) - recorded)
        without = unrecorded(candidates, self._archive, self._store)
        self._recorded = recorded | set(candidates) - set(without)
        self._journal.discovered(without, at)
        return without

    def _present(self, paths: Iterable[str]) -> list[File]:
        return list(self._zone.look(paths).values())

    def _list_later(self, began: float) -> None:
        """Note when to list next, by what the listing that began then took."""
        took = time.monotonic() - began
        self._pause = took * (WATCHED if self._watch.working else SPACED)
        self._listing_due = time.monotonic() + max(LISTING, self._pause)

    def close(self) -> None:
        """End the watch."""
        self._watch.close()
