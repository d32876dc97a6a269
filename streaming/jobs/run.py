"""The job `run`: ingest what waits, or follow what comes. Spark is started only when there is work."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import structlog

from streaming import locks
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, RedisUnavailable, RunFailed, Stopped
from streaming.jobs import monitor
from streaming.jobs.lifetime import LazySpark, Stop
from streaming.pipeline import archive
from streaming.pipeline.backlog import waiting
from streaming.pipeline.outage import Outage, is_outage
from streaming.settings import Settings
from streaming.store import keys, rebuild_namespace
from streaming.store.lease import Lease
from streaming.store.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.run")


def run(
    settings: Settings,
    store: Store,
    report: Callable[[list[Outcome]], None],
    *,
    follow: bool,
    metrics_port: int | None = None,
) -> signal.Signals | None:
    """
    Ingest what waits and, to follow, what comes, until SIGTERM or SIGINT.

    Args:
        metrics_port: where to serve metrics and health meanwhile; only to follow.

    Returns:
        The signal that ended it, None where it ended by itself.

    Raises:
        EnvironmentRefused: the port is taken; nothing was begun.
        FormatRefused: Redis was filled by another version of the service; nothing was written.
    """
    stop = Stop()
    stop.listen()
    with suppress(Stopped), LazySpark(settings, stop) as start:
        if follow:
            following = threading.Event()
            with monitor.served(settings, metrics_port, start, following):
                _follow(settings, store, report, start, stop, following)
        else:
            with monitor.exported(settings):
                _run_available(settings, store, report, start, stop)
    return stop.number


def _follow(
    settings: Settings,
    store: Store,
    report: Callable[[list[Outcome]], None],
    start: LazySpark,
    stop: Stop,
    following: threading.Event,
) -> None:
    lease = _lease(settings, store, keys.FOLLOW, stop)
    with locks.checkpoint(settings, "follow", stop) as checkpoint, ExitStack() as stack:
        stack.push(lease)  # given back at the end; `_tidy` takes it
        _tidy(settings, store, lease, stop, follow=True)
        spark = start()
        from streaming.pipeline.stream import Stream

        with _ending(stop):
            Stream(spark, lease, settings, stop, report, following).follow(checkpoint)


def _run_available(
    settings: Settings,
    store: Store,
    report: Callable[[list[Outcome]], None],
    start: LazySpark,
    stop: Stop,
) -> None:
    lease = _lease(settings, store, keys.RUN, stop)
    with locks.checkpoint(settings, "run", stop) as checkpoint, ExitStack() as stack:
        stack.push(lease)  # given back at the end; `_tidy` takes it
        _tidy(settings, store, lease, stop, follow=False)
        if not waiting(settings, store):
            return
        spark = start()
        from streaming.pipeline.stream import Stream

        with _ending(stop):
            Stream(spark, lease, settings, stop, report).run_available(checkpoint)


def _lease(settings: Settings, store: Store, role: str, stop: Stop) -> Lease:
    """Return the lease of the one process in this role on the landing zone; it is not taken yet."""
    return Lease(store, role, settings.landing_zone_name, stop)


@contextmanager
def _ending(stop: Stop) -> Iterator[None]:
    """Log, not raise, a failure of what was being stopped."""
    try:
        yield
    except RunFailed as error:
        if not stop.is_set():
            raise
        log.info("failed while it was being stopped", why=str(error))


def _tidy(settings: Settings, store: Store, lease: Lease, stop: Stop, *, follow: bool) -> None:
    """
    Take the lease, and finish what earlier runs left undone.

    To follow, it waits for a Redis that is not there yet.
    """
    outage = Outage(stop)
    while not stop.is_set():
        try:
            store.require_format()  # before anything is written
            lease.take()
            rebuild_namespace.clean_interrupted(store)
            archive.of(settings, store).sweep()
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
