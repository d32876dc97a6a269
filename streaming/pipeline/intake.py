"""Takes files in: cuts them into batches, has them ingested and archived, and reports their outcomes."""

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from pyspark.sql import SparkSession

from streaming import chunks
from streaming.domain.file import File
from streaming.domain.results import Outcome
from streaming.errors import Stopped
from streaming.landing import places
from streaming.pipeline import archive, spark_errors
from streaming.pipeline.aside import Aside
from streaming.pipeline.ingest import Ingest
from streaming.pipeline.tenure import Tenure
from streaming.settings import Settings
from streaming.spark import cluster
from streaming.store.lease import Lease


class Intake:
    """
    Ingests files that are whole, batch by batch, until `stop` is set; commits under `lease`.

    Attributes:
        ingest: what ingests one batch; it knows the files that a key in Redis keeps from being counted.
        settling: which files are whole.
        aside: which files could not be read, and when they are to be read again.
    """

    def __init__(
        self,
        spark: SparkSession,
        lease: Lease,
        settings: Settings,
        stop: threading.Event,
        report: Callable[[list[Outcome]], None],
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._report = report
        self._tenure = Tenure(lease)
        self.ingest = Ingest(spark, lease.store, settings)
        self.settling = places.zone(settings).settling(settings.settle_seconds)
        self._archive = archive.of(settings, lease.store)
        self.aside = Aside()

    def __call__(self, files: Iterable[File]) -> None:
        """
        Ingest those of these files that are due, in this order.

        Raises:
            SparkEnded, RunFailed: Spark failed; the batches before are committed.
            CityFeaturesError: as `Ingest` raises them.
        """
        bounds = self._settings.max_files_per_trigger, self._settings.max_bytes_per_trigger
        for batch in chunks.batches_by_size(filter(self.aside.is_due, files), *bounds):
            try:
                with self.ingest.turn, spark_errors.translated():
                    outcomes = self._tenure.during(partial(self._ingest_and_archive, batch))
            except Stopped:
                break
            self.aside.note(batch, outcomes)
            self._report(outcomes)

    def _ingest_and_archive(self, batch: list[File]) -> list[Outcome]:
        outcomes = self.ingest(batch)
        if not cluster.is_local(self._settings.spark_master):
            rejected = [o.file for o in outcomes if o.rejected]
            cluster.warn_unseen(places.quarantine(self._settings), rejected)
        begun = time.monotonic()
        self.ingest.journal.archived(self._archive.sweep(), begun)
        return outcomes
