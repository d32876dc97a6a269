"""
Runs the stream over the landing zone, once or for ever. Redis alone decides what was ingested.

To run once over a directory, Spark's file source finds the names, and a listing afterwards what it
missed: files that were overwritten, that have an old time, or whose record Redis lost. So Spark's
checkpoint only saves looking at files again. To follow, see `follower`.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming.domain.file import File
from streaming.domain.results import Outcome
from streaming.errors import RunFailed, SparkEnded
from streaming.landing import local, names, places
from streaming.pipeline import archive, query
from streaming.pipeline.backlog import await_archived, unrecorded, waiting
from streaming.pipeline.discovery import Discovery
from streaming.pipeline.follower import Follower
from streaming.pipeline.intake import Intake
from streaming.pipeline.pipe import Pipe
from streaming.settings import Settings
from streaming.store.lease import Lease

POLL = 0.1

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.stream")


class Stream:
    """One streaming query over the landing zone, and the listings beside it; commits under `lease`."""

    def __init__(
        self,
        spark: SparkSession,
        lease: Lease,
        settings: Settings,
        stop: threading.Event,
        report: Callable[[list[Outcome]], None],
        following: threading.Event | None = None,
    ) -> None:
        self._spark = spark
        self._store = lease.store
        self._settings = settings
        self._stop = stop
        self._report = report
        self._following = following or threading.Event()
        self._intake = Intake(spark, lease, settings, stop, report)
        self._zone = places.zone(settings)
        self._error: BaseException | None = None

    def follow(self, checkpoint: Path) -> None:
        """
        Ingest the files that exist and those that arrive, until `stop` is set.

        It waits while Redis, the landing zone or the stream fails, however long that lasts. It sets
        `following`, once, when files come through the stream.

        Raises:
            CityFeaturesError: it failed from the start, and waiting would not help.
            SparkEnded: Spark's JVM has ended.
        """
        intake = self._intake
        intake.aside.seconds = self._settings.reconcile_seconds
        discovery = Discovery(
            self._settings, self._store, intake.settling, intake.aside, intake.ingest.journal, self._stop
        )
        Follower(self._spark, self._settings, self._stop, intake, discovery, self._following).run(
            checkpoint
        )

    def run_available(self, checkpoint: Path) -> None:
        """
        Ingest all files that exist, wait for those still being written, and return.

        Raises:
            KeyRefused: a key in Redis keeps a file from being counted; all other files were counted.
            RunFailed: the stream failed; all files were counted without it.
        """
        files = waiting(self._settings, self._store)
        if any(names.is_archived(file.path) for file in files):
            # Redis lost records. The archived files come first, in the order of their ingestion, or the
            # stream would count newer files before them.
            await_archived(files, self._intake.settling, self._settings.settle_timeout, self._stop)
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
        for refused in self._intake.ingest.refused.values():
            raise refused
        if stream_failed:
            raise stream_failed

    def _drain(self, checkpoint: Path) -> RunFailed | None:
        """Have the stream ingest what it finds; return its failure if files can be found without it."""
        try:
            with ExitStack() as pipes:
                if running := self._start(checkpoint, pipes):
                    while query.is_active(running) and not self._stop.wait(POLL):
                        pass
                    query.end(running, self._intake.ingest.turn, self._error, self._settings.checkpoints)
        except SparkEnded:
            raise
        except RunFailed as error:
            log.warning("the stream failed: going on without it", why=str(error))
            return error
        return None

    def _start(self, checkpoint: Path, pipes: ExitStack) -> StreamingQuery | None:
        """Start a query over what there is; return None where Spark would fail, or loop along links."""
        landing_zone = self._settings.landing_zone
        if not isinstance(landing_zone, Path):
            # Spark's file source would need Hadoop's clients of object stores.
            answers = iter([self._listed()])
            pipe = pipes.enter_context(closing(Pipe(lambda: next(answers, None), self._note)))
            ingest = partial(self._ingest_handed, pipe)
            return query.discovered(self._spark, pipe.address, checkpoint, ingest, follow=False)
        if closed := local.closed_directories(landing_zone):
            log.warning(
                "directories that Spark cannot look into: files are found without it",
                directories=closed[:10],
            )
            return None
        return query.names(self._spark, landing_zone, checkpoint, self._ingest_names)

    def _ingest_names(self, discovered: DataFrame, _: int) -> None:
        """Ingest what Spark discovered; the listing afterwards finds whatever is left out here."""
        at = time.monotonic()
        try:
            landed = query.discovered_names(discovered, self._settings.landing_directory)
            files = sorted(self._zone.look(filter(names.is_ingestable, landed)).values())
            without = unrecorded(files, archive.of(self._settings, self._store), self._store)
            self._intake.ingest.journal.discovered(without, at)
            self._ingest_settled(without)
        except BaseException as error:
            self._note(error)
            raise

    def _ingest_handed(self, pipe: Pipe, _: DataFrame, __: int) -> None:
        """Ingest what the driver handed out itself."""
        try:
            self._ingest_settled(pipe.take())
        except BaseException as error:
            self._note(error)
            raise

    def _note(self, error: BaseException) -> None:
        """Note what makes the query fail."""
        self._error = error

    def _reconcile(self) -> list[str]:
        """Ingest the files without a record; return those that are still being written."""
        return self._ingest_settled(self._listed())

    def _listed(self) -> list[File]:
        """Return the files without a record."""
        at = time.monotonic()
        files = waiting(self._settings, self._store)
        self._intake.ingest.journal.listed(files, at)
        self._intake.aside.keep(files)
        return files

    def _ingest_settled(self, files: list[File]) -> list[str]:
        """Ingest those of these files that are whole; return the paths of the others."""
        settled = [file for file in files if self._intake.settling.settled(file)]
        self._intake(settled)
        return sorted({file.path for file in files} - {file.path for file in settled})
