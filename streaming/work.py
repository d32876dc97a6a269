"""What the commands do that may need Spark: it is started where there is something to do, and ended."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from streaming import archive, jvm
from streaming.claim import claimed, clean, waiting
from streaming.settings import Settings
from streaming.store import Store

if TYPE_CHECKING:  # nothing of Spark is loaded before it is needed
    from pyspark.sql import SparkSession

    from streaming.audit import Audit
    from streaming.ingest import Outcome
    from streaming.rebuild import Rebuilt


def ingest(
    config: Settings, store: Store, report: "Callable[[list[Outcome]], None]", *, follow: bool
) -> None:
    """Ingest what waits and, to follow, what comes, until SIGTERM or SIGINT."""
    stop = _stopped_by_signals()
    with claimed(config, "follow" if follow else "run", stop) as checkpoint:
        if stop.is_set():
            return
        clean(config, store)
        archive.sweep(config, store)
        if not follow and not waiting(config, store):
            return
        with _progress(config, "ingesting", report) as told, _spark(config, stop) as start:
            spark = start()
            from streaming.query import Query

            query = Query(spark, store, config, stop, told)
            (query.follow if follow else query.run_available)(checkpoint)


def audit(config: Settings, store: Store) -> "Audit":
    """Compute everything again and compare."""
    from streaming import audit

    with _progress(config, "reading every file again"), _spark(config) as start:
        return audit.run(config, store, start)


def rebuild(config: Settings, store: Store, *, allow_empty: bool) -> "Rebuilt":
    """Make everything again beside what there is, then switch."""
    from streaming.rebuild import Rebuild

    stop = _stopped_by_signals()
    with _progress(config, "rebuilding") as told, _spark(config, stop) as start:
        return Rebuild(config, store, start, stop, told).run(allow_empty=allow_empty)


def _stopped_by_signals(stop: threading.Event | None = None) -> threading.Event:
    stop = stop or threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _spark(
    config: Settings, stop: threading.Event | None = None
) -> "Iterator[Callable[[], SparkSession]]":
    """Yield what starts Spark, once; it ends with the block."""
    sessions: list[SparkSession] = []

    def start() -> "SparkSession":
        if not sessions:
            starting = jvm.start() if config.spark_master.startswith("local") else None
            # All that will be needed, while the JVM starts.
            from streaming import query, session  # noqa: F401

            sessions.append(session.start(config, starting))
            if stop is not None:
                _stopped_by_signals(stop)  # PySpark put its own handler there
        return sessions[0]

    try:
        yield start
    finally:
        if sessions:
            from streaming import session

            session.stop(sessions[0])


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
