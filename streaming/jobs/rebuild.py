"""
The rebuild: all features made again from the files, beside the live ones, and then in their place.

The same `ingest` fills a namespace of its own, `rebuild:<id>:`, in the order in which the files were
ingested before; one script switches.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import uuid4

import structlog
from pyspark.sql import SparkSession

from streaming import chunks
from streaming.domain.file import File
from streaming.domain.records import Record
from streaming.domain.results import UNREAD, Outcome, Rebuilt
from streaming.errors import CityFeaturesError, Conflict, RunFailed, Stopped
from streaming.jobs.lifetime import LazySpark, Stop
from streaming.landing import places, quarantine
from streaming.pipeline import archive
from streaming.pipeline.backlog import await_archived, waiting
from streaming.pipeline.ingest import Ingest
from streaming.settings import Settings
from streaming.store import keys, rebuild_namespace
from streaming.store.lease import Lease
from streaming.store.store import Store

ROUNDS = 5

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.rebuild")


def rebuild(
    settings: Settings,
    store: Store,
    report: Callable[[list[Outcome]], None],
    *,
    allow_empty: bool = False,
) -> Rebuilt:
    """
    Make all features again, as `Rebuild` does, until SIGTERM or SIGINT.

    Raises:
        Stopped: a signal came before the switch; the features are as they were.
    """
    stop = Stop()
    stop.listen()
    try:
        with LazySpark(settings, stop) as start:
            return Rebuild(settings, store, start, stop, report).run(allow_empty=allow_empty)
    except Stopped as stopped:
        stopped.signal = stop.number or stopped.signal
        raise


class Rebuild:
    """
    A rebuild of everything in one Redis.

    Guarantee: until the switch the live features are as they were, whatever happens; after it they
    are those of the files there are, each company once; readers see one or the other.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        start: Callable[[], SparkSession],
        stop: threading.Event,
        report: Callable[[list[Outcome]], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._start = start
        self._stop = stop
        self._report = report
        self._zone = places.zone(settings)
        self._settling = self._zone.settling(settings.settle_seconds)
        self._id = uuid4().hex

    def run(self, *, allow_empty: bool = False) -> Rebuilt:
        """
        Rebuild; no other process begins a batch meanwhile. What was in hand before is in the result.

        Raises:
            Conflict: writers without a lease never stopped committing.
            LeaseLost: this process was paused for longer than its lease.
            RunFailed: a counted file cannot be read, or none of the files is there.
            Stopped: it was told to.
            KeyRefused, RedisRefused, RedisUnavailable: Redis did not let it.
        """
        with Lease(self._store, keys.REBUILDING, stop=self._stop) as lease:
            self._store = lease.store
            self._go_on()
            rebuild_namespace.clean(self._store)
            within = rebuild_namespace.begin(self._store, self._id)
            try:
                return self._rounds(within, allow_empty)
            except BaseException:
                with suppress(CityFeaturesError):  # without Redis or the lease the next start does it
                    lease.keep()
                    rebuild_namespace.clean(self._store)
                raise

    def _rounds(self, within: Store, allow_empty: bool) -> Rebuilt:
        anew = False
        for _ in range(ROUNDS):
            position = self._store.position()
            records = self._store.records()
            counted = archive.in_ingest_order(records, archive.of(self._settings, self._store))
            gone = sorted(records.keys() - counted.keys())
            if records and not counted and not allow_empty:
                raise RunFailed(
                    f"none of the {len(records)} files that were counted is in "
                    f"{self._zone}: is it the right one? The features are as they "
                    "were. To forget them all: rebuild --allow-empty"
                )
            landed = list(dict.fromkeys([*counted.values(), *self._waiting()]))
            # Or files of the last round are gone or changed.
            if anew or within.records().keys() - within.recorded(landed):
                rebuild_namespace.clean(self._store)
                rebuild_namespace.begin(self._store, self._id)
            failed = self._ingest(landed, within, records)
            landed = [file for file in landed if file.path not in failed]
            changed = {file.path for file in landed} - within.recorded(landed)
            if changed:
                log.info("changed while being read: again", files=sorted(changed))
                # One counted before, perhaps archived meanwhile, must not come after later files.
                anew = not changed.isdisjoint(file.path for file in counted.values())
                continue
            try:
                version, cities = rebuild_namespace.switch(self._store, within, position, self._id)
            except Conflict as conflict:
                log.info("others committed meanwhile: again", why=str(conflict))
                continue
            quarantine.keep(places.quarantine(self._settings), [file.path for file in landed])
            return Rebuilt(version, cities, len(landed), gone)
        raise Conflict(
            "files or Redis changed all the time; the features are as they were. "
            "Stop what else ingests into this Redis, then rebuild again"
        )

    def _waiting(self) -> list[File]:
        files = waiting(self._settings, self._store)
        await_archived(files, self._settling, self._settings.settle_timeout, self._stop)
        return [file for file in files if self._settling.settled(file)]

    def _ingest(self, landed: list[File], within: Store, counted: Mapping[str, Record]) -> set[str]:
        """Ingest into the namespace; return the files that failed and were never counted before."""
        bounds = self._settings.max_files_per_trigger, self._settings.max_bytes_per_trigger
        failed = set()
        for batch in chunks.batches_by_size(landed, *bounds):
            self._go_on()
            outcomes = Ingest(self._start(), within, self._settings)(batch)
            for outcome in outcomes:
                if outcome.state in UNREAD:
                    if outcome.file in counted:
                        raise RunFailed(
                            f"{outcome.file}: {outcome.reason}; the features are as they were. "
                            "Make it readable or delete it, then rebuild again"
                        )
                    failed.add(outcome.file)
            self._report(outcomes)
        return failed

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped("stopped; the features are as they were")
