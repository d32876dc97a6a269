"""
Follows a landing zone: the driver finds the files, Spark's stream asks for them and hands them over.

As the driver answers the stream, it knows what is in a micro-batch: to collect its rows would be a job
of 40 ms for each file. While there is no stream, as it starts or failed, files are ingested without it.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession

from streaming.domain.file import File
from streaming.errors import CityFeaturesError, RunFailed, SparkEnded
from streaming.pipeline import query, warmup
from streaming.pipeline.discovery import Discovery
from streaming.pipeline.intake import Intake
from streaming.pipeline.outage import Outage, is_outage
from streaming.pipeline.pipe import Pipe
from streaming.settings import Settings
from streaming.spark import cluster, session

POLL = 0.1
"""Seconds between two looks whether the stream is there, or still there."""
ANSWER = 1.0
"""Seconds after which the source is answered that there is nothing new."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.stream")


class Follower:
    """
    Ingests the files that exist and those that arrive.

    Args:
        following: is set, once, when files come through the stream, or there can be none.

    What is in a micro-batch is known from the pipe: its rows are not collected.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        stop: threading.Event,
        intake: Intake,
        discovery: Discovery,
        following: threading.Event,
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._stop = stop
        self._intake = intake
        self._discovery = discovery
        self._following = following
        self._outage = Outage(stop)
        self._consuming = threading.Lock()  # the stream, or this class while there is none
        self._works = False  # from then on it waits, whatever fails
        self._answered = False
        self._streaming = False
        self._error: BaseException | None = None

    def run(self, checkpoint: Path) -> None:
        """
        Follow until `stop` is set; wait while Redis, the landing zone or the stream fails.

        Raises:
            CityFeaturesError: it failed from the start, and waiting would not help.
            SparkEnded: Spark's JVM has ended.
        """
        outage = Outage(self._stop)
        try:
            while not self._stop.is_set():
                try:
                    self._ingest_found(0)
                    if not self._following.is_set() and cluster.is_local(self._settings.spark_master):
                        warmup.rehearse(self._spark)  # its file is on this machine only
                    self._stream(checkpoint, outage)
                except SparkEnded:
                    raise
                except CityFeaturesError as error:
                    if not (self._works or is_outage(error)):
                        raise
                    outage.wait(error)
                except Exception as error:  # nobody foresaw it; what was handed out is handed out again
                    if not self._works:
                        raise
                    log.error("failed: an error of the service, report it", exc_info=error)
                    outage.wait(RunFailed(f"{type(error).__name__}: {error}"))
        finally:
            with self._consuming:
                self._discovery.close()

    def _stream(self, checkpoint: Path, outage: Outage) -> None:
        """Run the stream until it fails or `stop` is set."""
        self._answered = self._streaming = False
        self._error = None
        with closing(Pipe(self._answer, self._failed)) as pipe, ThreadPoolExecutor(1) as starter:
            ingest = partial(self._ingest_handed, pipe)
            # Spark starts some Python processes for it, which takes seconds.
            starting = starter.submit(
                query.discovered, self._spark, pipe.address, checkpoint, ingest, follow=True
            )
            while not (starting.done() or self._streaming or self._stop.is_set()):
                self._ingest_found(POLL)
            running = starting.result()
            if running is None:
                self._note_following()
            try:
                while not self._stop.is_set() and (running is None or query.is_active(running)):
                    if not session.is_alive():
                        raise SparkEnded
                    if self._streaming:
                        outage.over()
                        self._stop.wait(POLL)
                    else:
                        self._ingest_found(POLL)
            finally:
                if running:
                    query.end(running, self._intake.ingest.turn, self._error, self._settings.checkpoints)

    def _answer(self) -> list[File] | None:
        """Return the files of the next micro-batch; None: there is none."""
        if not self._answered:
            self._answered = True
            return (
                []
            )  # the first has none: that it comes shows that the stream is there, and warms it up
        with self._consuming, self._patience():
            if files := self._discovery.next(ANSWER):
                return files
            self._outage.over()
        return None

    def _ingest_handed(self, pipe: Pipe, _: DataFrame, __: int) -> None:
        """Ingest the files of a micro-batch, which are those of the last answer."""
        try:
            if self._answered:  # else Spark repeats what an earlier query began
                self._streaming = True
                self._note_following()
            with self._patience():
                self._intake(pipe.take())
                self._outage.over()
        except BaseException as error:
            self._failed(error)
            raise

    def _ingest_found(self, seconds: float) -> None:
        """Ingest what there is without the stream, after waiting for something for at most so long."""
        with self._consuming, self._patience():
            self._intake(self._discovery.next(seconds))
            self._outage.over()
            self._works = True

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Wait after a failure that may pass: what was handed out is handed out again."""
        try:
            yield
        except SparkEnded:
            raise
        except CityFeaturesError as error:
            if not (self._works or is_outage(error)):
                raise
            self._outage.wait(error)

    def _note_following(self) -> None:
        if not self._following.is_set():
            log.info("following", landing_zone=str(self._settings.landing_zone))
        self._following.set()

    def _failed(self, error: BaseException) -> None:
        self._error = error
