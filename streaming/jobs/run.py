"""What the commands do that may need Spark: it is started where there is something to do, and ended."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import structlog
from rich.console import Console

from streaming.claim import claimed, clean, waiting
from streaming.errors import CityFeaturesError, RedisUnavailable, RunFailed, Stopped
from streaming.pipeline import archive
from streaming.pipeline.outage import Outage, is_outage
from streaming.settings import Settings
from streaming.spark import jvm
from streaming.store.store import Store

if TYPE_CHECKING:  # nothing of Spark is loaded before it is needed
    from pyspark.sql import SparkSession

    from streaming.jobs.audit import Audit
    from streaming.jobs.rebuild import Rebuilt
    from streaming.pipeline.ingest import Outcome


log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.run")


class Stop(threading.Event):
    """Set by SIGTERM or SIGINT; `number` is the signal."""

    number: signal.Signals | None = None

    def listen(self) -> None:
        """Take these signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _: object) -> None:
        self.number = signal.Signals(number)
        self.set()


def ingest(
    config: Settings, store: Store, report: "Callable[[list[Outcome]], None]", *, follow: bool
) -> signal.Signals | None:
    """
    Ingest what waits and, to follow, what comes, until SIGTERM or SIGINT.

    Returns:
        The signal that ended it, None where it ended by itself.
    """
    stop = Stop()
    stop.listen()
    with suppress(Stopped), claimed(config, "follow" if follow else "run", stop) as checkpoint:
        _tidy(config, store, stop, follow=follow)
        if not follow and not waiting(config, store):
            return None
        with _progress(config, "ingesting", report) as told, _spark(config, stop) as start:
            spark = start()
            from streaming.pipeline.stream import Query

            query = Query(spark, store, config, stop, told)
            try:
                (query.follow if follow else query.run_available)(checkpoint)
            except RunFailed as error:
                if not stop.is_set():
                    raise
                log.info("failed while it was being stopped", why=str(error))
    return stop.number


def _tidy(config: Settings, store: Store, stop: Stop, *, follow: bool) -> None:
    """Finish what earlier runs left undone; to follow, wait for a Redis that is not there yet."""
    outage = Outage(stop)
    while not stop.is_set():
        try:
            clean(config, store)
            archive.sweep(config, store)
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


def audit(config: Settings, store: Store) -> "Audit":
    """Compute everything again and compare."""
    from streaming.jobs import audit

    with _progress(config, "reading every file again"), _spark(config) as start:
        return audit.run(config, store, start)


def rebuild(config: Settings, store: Store, *, allow_empty: bool) -> "Rebuilt":
    """Make everything again beside what there is, then switch."""
    from streaming.jobs.rebuild import Rebuild

    stop = Stop()
    stop.listen()
    try:
        with _progress(config, "rebuilding") as told, _spark(config, stop) as start:
            return Rebuild(config, store, start, stop, told).run(allow_empty=allow_empty)
    except Stopped as stopped:
        stopped.signal = stop.number or stopped.signal
        raise


@contextmanager
def _spark(config: Settings, stop: Stop | None = None) -> "Iterator[Callable[[], SparkSession]]":
    """Yield what starts Spark, once; it ends with the block."""
    sessions: list[SparkSession] = []

    def start() -> "SparkSession":
        if not sessions:
            try:
                sessions.append(_start(config, stop))
            except CityFeaturesError:
                if stop is None or not stop.is_set():
                    raise
                raise Stopped("stopped while Spark started; nothing was begun") from None
            if stop is not None:
                stop.listen()  # PySpark put its own handler there
        return sessions[0]

    try:
        yield start
    finally:
        if sessions:
            from streaming.spark import session

            session.stop(sessions[0])


def _start(config: Settings, stop: Stop | None) -> "SparkSession":
    starting = jvm.start() if config.spark_master.startswith("local") else None
    # All that will be needed, while the JVM starts.
    from streaming.pipeline import stream  # noqa: F401
    from streaming.spark import session

    try:
        return session.start(config, starting, stop)
    except BaseException:  # Ctrl-C too: without its session nobody else would end the JVM
        if starting is not None:
            starting.process.kill()
        raise


@contextmanager
def _progress(
    config: Settings,
    doing: str,
    report: "Callable[[list[Outcome]], None] | None" = None,
) -> "Iterator[Callable[[list[Outcome]], None]]":
    """Show a person at a terminal how far it is; yield what takes the outcomes."""
    console = Console(stderr=True)
    shown = console.is_terminal and config.log_format == "console"
    files = rows = 0

    def told(outcomes: "list[Outcome]") -> None:
        nonlocal files, rows
        if report is not None:
            report(outcomes)
        files, rows = files + len(outcomes), rows + sum(o.read for o in outcomes)
        if shown:
            status.update(f"{doing}: {files:,} files, {rows:,} rows")

    if shown:
        with console.status(doing) as status:
            yield told
    else:
        yield told
