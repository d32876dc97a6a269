"""
The stream: Spark discovers files, `ingest` counts them, the reconcile pass finds what Spark missed.

Spark's checkpoint only saves second looks. What Redis has no record of is ingested, whatever the
checkpoint says: files overwritten in place, files with old times, and all that Redis lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming import chunks, locks
from streaming.domain.file import File
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, RunFailed, SparkEnded, Stopped
from streaming.landing import local
from streaming.pipeline import archive, spark_jobs, warmup
from streaming.pipeline.aside import Aside
from streaming.pipeline.backlog import waiting
from streaming.pipeline.ingest import Ingest
from streaming.pipeline.outage import Outage, is_outage
from streaming.pipeline.settling import Settling
from streaming.settings import Settings
from streaming.spark import cluster, session
from streaming.store.store import Store, revive

POLL = 0.1
ALONE = 1.0  # seconds between looks without Spark's

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
    ) -> None:
        self._spark = spark
        self._store = store
        self._settings = settings
        self._stop = stop
        self._report = report
        self._ingest = Ingest(spark, store, settings)
        self._settling = Settling(settings.landing_zone, settings.settle_seconds)
        self._unsettled: set[str] = set()
        self._aside = Aside()
        self._closed: list[str] = []
        self._error: BaseException | None = None

    def run_available(self, checkpoint: Path) -> None:
        """
        Ingest all there is, wait for files still being written, and return.

        Raises:
            KeyRefused: a key in Redis keeps a file from being counted; all others were.
            RunFailed: the stream failed; everything was counted without it.
        """
        if any(archive.is_in(file.path) for file in waiting(self._settings, self._store)):
            self._reconcile()  # what Redis lost, in its order, before what the stream would find first
        stream_failed = self._drain(checkpoint)
        unsettled = self._reconcile()
        # From here on: the pass before may have read for minutes.
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
        """Have the stream find all there is; return its failure if files can be found without it."""
        try:
            if query := self._start(checkpoint, follow=False):
                with self._spark_errors():
                    while query.isActive and not self._stop.wait(POLL):
                        pass
                self._end(query)
        except SparkEnded:
            raise
        except RunFailed as error:
            log.warning("the stream failed: going on without it", why=str(error))
            return error
        return None

    def follow(self, checkpoint: Path) -> None:
        """
        Ingest what there is and what comes, until `stop` is set.

        Outages of Redis, the landing zone or the stream are waited for, however long they last.

        Raises:
            CityFeaturesError: nothing works from the start, and waiting would not help.
            SparkEnded: there is no JVM any more.
        """
        outage = Outage(self._stop)
        begun = False
        self._aside.seconds = self._settings.reconcile_seconds
        while not self._stop.is_set():
            try:
                revive(self._settings)
                self._reconcile()
                if not begun and self._settings.spark_master.startswith("local"):
                    warmup.rehearse(self._spark)  # workers elsewhere do not see its file
                query = self._start(checkpoint, follow=True)
                outage.over()
                if not begun:
                    log.info("following", landing_zone=str(self._settings.landing_zone))
                begun = True
                self._watch(query)
            except SparkEnded:
                raise
            except CityFeaturesError as error:
                if not (begun or is_outage(error)):
                    raise
                outage.wait(error)

    def _watch(self, query: StreamingQuery | None) -> None:
        """Reconcile beside the stream until it fails or `stop` is set; end the stream in any case."""
        self._error = None
        seconds = self._settings.reconcile_seconds if query else ALONE
        due = time.monotonic() + seconds
        again = time.monotonic() + self._settings.reconcile_seconds
        try:
            while not self._stop.wait(POLL) and (
                self._is_active(query) if query else time.monotonic() < again
            ):
                if not session.is_alive():
                    raise SparkEnded
                if self._unsettled or time.monotonic() > due:
                    self._reconcile()
                    due = time.monotonic() + seconds
        finally:
            if query:
                self._end(query)

    def _start(self, checkpoint: Path, *, follow: bool) -> StreamingQuery | None:
        """Start the stream, but not where Spark would fail, or follow links in circles."""
        zone = self._settings.landing_zone
        closed, before = local.closed_directories(zone), self._closed
        self._closed = closed
        if closed:
            if closed != before:
                log.warning(
                    "directories that Spark cannot look into: files are looked for once a second",
                    directories=closed[:10],
                )
            return None
        try:
            spark_jobs.pattern(zone)
            location = spark_jobs.location(checkpoint)
        except ValueError as error:
            log.warning("Spark cannot look here: files are looked for once a second", why=str(error))
            return None
        # Unbounded: `_ingest_settled` cuts what comes into batches, after leaving out what has a record.
        with self._spark_errors():
            found = spark_jobs.landed(self._spark, zone)
            stream = found.writeStream.foreachBatch(self._batch)
            stream = stream.option("checkpointLocation", location)
            if follow:
                return stream.trigger(processingTime="50 milliseconds").start()
            return stream.trigger(availableNow=True).start()

    def _batch(self, batch: DataFrame, _: int) -> None:
        """Ingest what Spark discovered; whatever is left out here is found by the reconcile pass."""
        try:
            # Once each: Spark looks into directories below, and what is there may have the same name.
            names = {row.path.rpartition("/")[2] for row in batch.collect()}
            looked = (local.stat_file(self._settings.landing_zone, name) for name in names)
            found = sorted(f for f in looked if f and local.is_ingestable(f.path))
            recorded = self._store.recorded(found)
            self._ingest_settled([f for f in found if f.path not in recorded])
        except BaseException as error:
            self._error = error
            raise

    def _reconcile(self) -> list[str]:
        """Ingest what has no record; return the files that do not stand still yet."""
        before = set(self._unsettled)
        unrecorded = waiting(self._settings, self._store)
        self._aside.keep(unrecorded)
        unsettled = self._ingest_settled(unrecorded)
        self._unsettled -= before - set(unsettled)  # gone, or counted by another run
        return unsettled

    def _ingest_settled(self, found: list[File]) -> list[str]:
        settings = self._settings
        still = [f for f in found if self._settling.settled(f)]
        left = {f.path for f in found} - {f.path for f in still}
        self._unsettled = (self._unsettled | left) - {f.path for f in still}
        bounds = settings.max_files_per_trigger, settings.max_bytes_per_trigger
        for batch in chunks.batches_by_size(filter(self._aside.is_due, still), *bounds):
            try:
                with self._ingest.turn, self._spark_errors(), locks.shared(settings, self._stop):
                    outcomes = self._ingest(batch)
                    if not cluster.is_local(settings.spark_master):
                        rejected = [o.file for o in outcomes if o.rejected]
                        cluster.warn_unseen(settings.quarantine_dir, rejected)
                    archive.sweep(settings, self._store)
            except Stopped:
                break
            self._aside.note(batch, outcomes)
            self._report(outcomes)
        return sorted(left)

    def _is_active(self, query: StreamingQuery) -> bool:
        with self._spark_errors():
            return query.isActive

    def _end(self, query: StreamingQuery) -> None:
        """Stop the query after the batch in hand, and raise what made it fail."""
        if not session.is_alive():
            raise SparkEnded from self._error
        with self._spark_errors():
            with self._ingest.turn:
                failed = query.exception()
            query.stop()
        if isinstance(self._error, CityFeaturesError):
            raise self._error
        if failed is not None:
            raise RunFailed(
                f"{session.cause(failed)}; what was committed stays, and the next run goes on from "
                f"there. If it stays, delete {self._settings.checkpoints}: nothing is lost with it"
            ) from self._error

    @contextmanager
    def _spark_errors(self) -> Iterator[None]:
        try:
            yield
        except (Py4JNetworkError, ConnectionError) as error:  # its process may take a moment to end
            raise SparkEnded from error
        except (PySparkException, Py4JError) as error:  # the latter: no room, or no right to write
            if not session.is_alive():
                raise SparkEnded from error
            raise RunFailed(_cause(error)) from error


def _cause(error: Exception) -> str:
    return f"{session.cause(error)} (nothing of this batch was written)"
