"""
Runs the stream: Spark discovers files, `ingest` counts them, the reconcile pass finds what Spark missed.

Redis alone decides what was ingested. Spark's checkpoint only saves looking at files again, so a file
without a record is ingested whatever the checkpoint says: one that was overwritten, one with an old
time, or one whose record Redis lost.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming import chunks, locks
from streaming.domain.file import File
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, RunFailed, SparkEnded, Stopped
from streaming.landing import local
from streaming.pipeline import archive, query, spark_errors, warmup
from streaming.pipeline.aside import Aside
from streaming.pipeline.backlog import waiting
from streaming.pipeline.ingest import Ingest
from streaming.pipeline.outage import Outage, is_outage
from streaming.pipeline.settling import Settling
from streaming.settings import Settings
from streaming.spark import cluster, session
from streaming.store.store import Store, revive

POLL = 0.1
LISTING_SECONDS = 1.0  # between two looks at the landing zone without Spark's file source

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.stream")


class Stream:
    """One streaming query over the landing zone, and the reconcile pass beside it."""

    def __init__(
        self,
        spark: SparkSession,
        store: Store,
        settings: Settings,
        stop: threading.Event,
        report: Callable[[list[Outcome]], None],
        following: threading.Event | None = None,
    ) -> None:
        self._spark = spark
        self._store = store
        self._settings = settings
        self._stop = stop
        self._report = report
        self._following = following or threading.Event()
        self._ingest = Ingest(spark, store, settings)
        self._settling = Settling(settings.landing_zone, settings.settle_seconds)
        self._unsettled: set[str] = set()
        self._aside = Aside()
        self._closed: list[str] = []
        self._error: BaseException | None = None

    def run_available(self, checkpoint: Path) -> None:
        """
        Ingest all files that exist, wait for those still being written, and return.

        Raises:
            KeyRefused: a key in Redis keeps a file from being counted; all other files were counted.
            RunFailed: the stream failed; all files were counted without it.
        """
        if any(archive.is_in(file.path) for file in waiting(self._settings, self._store)):
            # Redis lost records. The archived files come first, in the order of their ingestion, or the
            # stream would count newer files before them.
            self._reconcile()
        stream_failed = self._drain(checkpoint)
        unsettled = self._reconcile()
        # The time-out starts here, as the pass before may have read for minutes.
        deadline = time.monotonic() + self._settings.settle_timeout
        if unsettled:
            log.info("waiting for files to stand still", files=unsettled)
        while unsettled and not self._stop.wait(POLL):
            unsettled = self._reconcile()
            if unsettled and time.monotonic() > deadline:
                log.warning("still being written: left for the next run", files=unsettled)
                self._report([Outcome(p, 0, 0, 0, 0, "waiting", "being written") for p in unsettled])
                break
        for refused in self._ingest.refused.values():
            raise refused
        if stream_failed:
            raise stream_failed

    def _drain(self, checkpoint: Path) -> RunFailed | None:
        """Have the stream ingest what it finds; return its failure if files can be found without it."""
        try:
            if running := self._start(checkpoint, follow=False):
                with spark_errors.translated():
                    while running.isActive and not self._stop.wait(POLL):
                        pass
                self._end(running)
        except SparkEnded:
            raise
        except RunFailed as error:
            log.warning("the stream failed: going on without it", why=str(error))
            return error
        return None

    def follow(self, checkpoint: Path) -> None:
        """
        Ingest the files that exist and those that arrive, until `stop` is set.

        It waits while Redis, the landing zone or the stream fails, however long that lasts. It sets
        `following`, once, when it looks for files for the first time.

        Raises:
            CityFeaturesError: it failed from the start, and waiting would not help.
            SparkEnded: Spark's JVM has ended.
        """
        outage = Outage(self._stop)
        self._aside.seconds = self._settings.reconcile_seconds
        while not self._stop.is_set():
            try:
                revive(self._settings)
                self._reconcile()
                if not self._following.is_set() and self._settings.spark_master.startswith("local"):
                    warmup.rehearse(self._spark)  # its file is on this machine only
                running = self._start(checkpoint, follow=True)
                outage.over()
                if not self._following.is_set():
                    log.info("following", landing_zone=str(self._settings.landing_zone))
                self._following.set()
                self._watch(running)
            except SparkEnded:
                raise
            except CityFeaturesError as error:
                if not (self._following.is_set() or is_outage(error)):
                    raise
                outage.wait(error)

    def _watch(self, running: StreamingQuery | None) -> None:
        """Reconcile beside the stream until it fails or `stop` is set; then end the stream."""
        self._error = None
        seconds = self._settings.reconcile_seconds if running else LISTING_SECONDS
        due = time.monotonic() + seconds
        # Without a stream: try to start one again then.
        restart = time.monotonic() + self._settings.reconcile_seconds
        try:
            while not self._stop.wait(POLL) and (
                self._is_active(running) if running else time.monotonic() < restart
            ):
                if not session.is_alive():
                    raise SparkEnded
                if self._unsettled or time.monotonic() > due:
                    self._reconcile()
                    due = time.monotonic() + seconds
        finally:
            if running:
                self._end(running)

    def _start(self, checkpoint: Path, *, follow: bool) -> StreamingQuery | None:
        """Start the stream; return None where Spark would fail, or follow links in a loop."""
        landing_zone = self._settings.landing_zone
        closed, closed_before = local.closed_directories(landing_zone), self._closed
        self._closed = closed
        if closed:
            if closed != closed_before:
                log.warning(
                    "directories that Spark cannot look into: files are looked for once a second",
                    directories=closed[:10],
                )
            return None
        return query.start(self._spark, landing_zone, checkpoint, self._ingest_discovered, follow=follow)

    def _ingest_discovered(self, discovered: DataFrame, _: int) -> None:
        """Ingest what Spark discovered; the reconcile pass finds whatever is left out here."""
        at = time.monotonic()
        try:
            # A set of names: Spark also discovers files in directories below, with the same names.
            names = {row.path.rpartition("/")[2] for row in discovered.collect()}
            present = (local.stat_file(self._settings.landing_zone, name) for name in names)
            files = sorted(f for f in present if f and local.is_ingestable(f.path))
            recorded = self._store.recorded(files)
            unrecorded = [f for f in files if f.path not in recorded]
            self._ingest.journal.discovered(unrecorded, at)
            self._ingest_settled(unrecorded)
        except BaseException as error:
            self._error = error
            raise

    def _reconcile(self) -> list[str]:
        """Ingest the files without a record; return those that are still being written."""
        unsettled_before = set(self._unsettled)
        at = time.monotonic()
        unrecorded = waiting(self._settings, self._store)
        self._ingest.journal.listed(unrecorded, at)
        self._aside.keep(unrecorded)
        unsettled = self._ingest_settled(unrecorded)
        # Those that this pass did not meet are gone, or another run counted them.
        self._unsettled -= unsettled_before - set(unsettled)
        return unsettled

    def _ingest_settled(self, files: list[File]) -> list[str]:
        """Ingest those of these files that are whole, in batches; return the paths of the others."""
        settings = self._settings
        settled = [f for f in files if self._settling.settled(f)]
        unsettled = {f.path for f in files} - {f.path for f in settled}
        self._unsettled = (self._unsettled | unsettled) - {f.path for f in settled}
        bounds = settings.max_files_per_trigger, settings.max_bytes_per_trigger
        for batch in chunks.batches_by_size(filter(self._aside.is_due, settled), *bounds):
            try:
                with self._ingest.turn, spark_errors.translated(), locks.shared(settings, self._stop):
                    outcomes = self._ingest(batch)
                    if not cluster.is_local(settings.spark_master):
                        rejected = [o.file for o in outcomes if o.rejected]
                        cluster.warn_unseen(settings.quarantine_dir, rejected)
                    begun = time.monotonic()
                    self._ingest.journal.archived(archive.sweep(settings, self._store), begun)
            except Stopped:
                break
            self._aside.note(batch, outcomes)
            self._report(outcomes)
        return sorted(unsettled)

    def _is_active(self, running: StreamingQuery) -> bool:
        with spark_errors.translated():
            return running.isActive

    def _end(self, running: StreamingQuery) -> None:
        """Stop the query after the batch in hand, and raise what made it fail."""
        if not session.is_alive():
            raise SparkEnded from self._error
        with spark_errors.translated():
            with self._ingest.turn:
                failure = running.exception()
            running.stop()
        if isinstance(self._error, CityFeaturesError):
            raise self._error
        if failure is not None:
            why = session.cause(failure)
            raise spark_errors.stream_failed(why, self._settings.checkpoints) from self._error
