"""The job `run`: ingest what waits, or follow what comes. Spark is started only when there is work."""

import signal
from collections.abc import Callable
from contextlib import suppress

import structlog

from streaming import locks
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, RedisUnavailable, RunFailed, Stopped
from streaming.jobs.lifetime import LazySpark, Stop
from streaming.pipeline import archive
from streaming.pipeline.backlog import waiting
from streaming.pipeline.outage import Outage, is_outage
from streaming.settings import Settings
from streaming.store import rebuild_namespace
from streaming.store.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.run")


def run(
    settings: Settings, store: Store, report: Callable[[list[Outcome]], None], *, follow: bool
) -> signal.Signals | None:
    """
    Ingest what waits and, to follow, what comes, until SIGTERM or SIGINT.

    Returns:
        The signal that ended it, None where it ended by itself.

    Raises:
        FormatRefused: Redis was filled by another version of the service; nothing was written.
    """
    stop = Stop()
    stop.listen()
    name = "follow" if follow else "run"
    with suppress(Stopped), locks.checkpoint(settings, name, stop) as checkpoint:
        _tidy(settings, store, stop, follow=follow)
        if not follow and not waiting(settings, store):
            return None
        with LazySpark(settings, stop) as start:
            spark = start()
            from streaming.pipeline.stream import Stream

            stream = Stream(spark, store, settings, stop, report)
            try:
                (stream.follow if follow else stream.run_available)(checkpoint)
            except RunFailed as error:
                if not stop.is_set():
                    raise
                log.info("failed while it was being stopped", why=str(error))
    return stop.number


def _tidy(settings: Settings, store: Store, stop: Stop, *, follow: bool) -> None:
    """Finish what earlier runs left undone; to follow, wait for a Redis that is not there yet."""
    outage = Outage(stop)
    while not stop.is_set():
        try:
            store.require_format()  # before anything is written
            rebuild_namespace.clean_interrupted(settings, store)
            archive.sweep(settings, store)
            outage.over()
            return
        except CityFeaturesError as error:
            if not follow or not is_outage(error):
                raise
            outage.wait(error)


def version(store: Store, *, follow: bool) -> int | None:
    """Return how many batches were committed; None where what followed ended without Redis."""
    try:
        return store.version()
    except RedisUnavailable:
        if not follow:
            raise
        return None
