"""
Ingests one batch of files into Redis: summarise, decide, aggregate, merge.

The stream and the reconcile pass use the same function. If a batch fails for a reason nobody foresaw, it
is halved until the file that makes it fail is alone; the others are counted.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import structlog
import tenacity
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from streaming.domain import ledger
from streaming.domain.file import File
from streaming.domain.records import At, Commit, Record
from streaming.domain.results import UNREAD, Outcome
from streaming.errors import CityFeaturesError, Conflict, FileChanged, KeyRefused, RunFailed
from streaming.landing import places
from streaming.pipeline import warmup
from streaming.pipeline.batch import Batch
from streaming.pipeline.journal import Journal, Moments
from streaming.reading.messages import Report, Rules
from streaming.settings import Settings
from streaming.spark import session
from streaming.store.store import Store

ATTEMPTS = 20

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.ingest")


class Ingest:
    """
    Ingests batches of files, one at a time.

    Guarantee: when `__call__` returns, each of the files that did not change or fail has a record in
    Redis, and each of their companies counts exactly once, whatever other writers do meanwhile. When it
    raises, every commit is complete or absent, and the next call continues from there.
    """

    def __init__(self, spark: SparkSession, store: Store, settings: Settings) -> None:
        self._spark = spark
        self._store = store
        self._settings = settings
        self._zone = places.zone(settings)
        self._folder = places.quarantine(settings)
        self._beside = ThreadPoolExecutor(1)
        self.turn = threading.RLock()
        """Held while a batch is being ingested."""
        self.journal = Journal()
        self.refused: dict[str, KeyRefused] = {}
        """By path, the files that failed because of a key in Redis, which a person has to move."""

    def __call__(self, batch: Iterable[File]) -> list[Outcome]:
        """
        Ingest those of these files that have no record yet, in this order.

        Returns:
            The outcome of each file that this call recorded or could not read, in ingest order.

        Raises:
            Conflict, FileChanged: other writers came first at each of ATTEMPTS attempts.
            KeyRefused, RedisRefused, RedisUnavailable: Redis refuses, whatever the file.
            EnvironmentRefused, PySparkException: no file can be read.
        """
        with self.turn:
            return self._apart(list(dict.fromkeys(batch)))

    def _apart(self, files: list[File]) -> list[Outcome]:
        """Ingest these files; if that fails, find the files that make it fail and ingest the others."""
        try:
            return self._retried(files)
        except Exception as error:
            if isinstance(error, CityFeaturesError) and not isinstance(error, KeyRefused | RunFailed):
                raise  # Redis or the machine: no file is at fault
            self._check_common(files)
            if len(files) > 1:
                log.warning("a file fails: looking for it", files=len(files), why=_cause(error))
                half = len(files) // 2
                return self._apart(files[:half]) + self._apart(files[half:])
            return [self._failed(files[0], error)]

    def _check_common(self, files: list[File]) -> None:
        """Raise if something that all files need fails: the version, the records, Spark's workers."""
        self._store.position()
        self._store.records([file.path for file in files])
        warmup.check_workers(self._spark)

    def _failed(self, file: File, error: Exception) -> Outcome:
        if isinstance(error, KeyRefused):
            self.refused[file.path] = error
        reason = _cause(error)
        log.debug("file failed", file=file.path, exc_info=error)
        return self._unread(file.path, "failed", reason)

    def _retried(self, files: list[File]) -> list[Outcome]:
        sent: dict[str, Record] = {}
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((Conflict, FileChanged)),
            wait=tenacity.wait_random_exponential(multiplier=0.02, max=1),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            before_sleep=lambda state: log.info(
                "recomputing", why=str(state.outcome and state.outcome.exception())
            ),
            reraise=True,
        )
        return retrying(self._attempt, files, sent)

    def _attempt(self, files: list[File], sent: dict[str, Record]) -> list[Outcome]:
        version, commit_id = self._store.position()
        records = self._store.records([f.path for f in files])
        # A reply can be lost after the script ran. Then Redis holds the very record that was sent, and
        # this attempt only has to report it.
        committed = {p: r for p, r in records.items() if sent.get(p) == r}
        unrecorded = [f for f in files if not (f.path in records and records[f.path].is_of(f))]
        outcomes = [_outcome(path, record) for path, record in committed.items()]
        if unrecorded:
            outcomes += self._commit(unrecorded, records, (version, commit_id), sent)
        self.journal.recovered(committed)
        return outcomes

    def _commit(
        self,
        files: list[File],
        records: Mapping[str, Record],
        position: tuple[int, str],
        sent: dict[str, Record],
    ) -> list[Outcome]:
        """Read files and commit them against this position; `sent` keeps what was sent to Redis."""
        version, commit_id = position
        at, begun = datetime.now(UTC), time.monotonic()
        rules = Rules.of(self._settings, at)
        # What Redis holds for good must not be of files that a power loss takes.
        flushed = self._beside.submit(self._zone.flush)
        with closing(Batch(self._spark, files, rules, self._zone, self._folder)) as batch:
            reports, companies = batch.report.reports, batch.report.companies
            counted = [f.path for f in files if reports[f.path].outcome == "read"]
            verdicts, grown = ledger.decide(
                (companies[path] for path in counted),
                self._store.companies(ledger.blocks(companies.values())),
            )
            by_path = dict(zip(counted, verdicts, strict=True))
            increments = batch.increments(by_path)
        read = time.monotonic()
        new = {path: verdict.new for path, verdict in by_path.items()}
        new_records = {
            file.path: _record(
                file, reports[file.path], new, records, (version + 1, at.isoformat()), order
            )
            for order, file in enumerate(files)
            if reports[file.path].outcome in ("read", "rejected")
        }
        flushed.result()
        # Tasks may end long before this commit: look at the files once more, as late as possible.
        self._require_unchanged([f for f in files if f.path in new_records])
        if new_records:
            sent.update(new_records)
            commit = Commit(version, at.isoformat(), increments, grown, new_records, commit_id)
            new_version = self._store.merge(commit)
            moments = Moments(begun, read, time.monotonic())
            self.journal.committed(commit, new_version, reports, moments)
        # A changed file gets no record, so the next look finds it; other failures are reported.
        unread = [
            self._unread(file.path, reports[file.path].outcome, reports[file.path].reason)
            for file in files
            if reports[file.path].outcome in UNREAD
        ]
        return unread + [_outcome(path, record) for path, record in new_records.items()]

    def _unread(self, path: str, state: str, reason: str | None) -> Outcome:
        """Note that a file was not read, and return its outcome."""
        outcome = Outcome(path, 0, 0, 0, 0, state, reason)
        self.journal.failed(outcome)
        return outcome

    def _require_unchanged(self, files: Sequence[File]) -> None:
        """Raise FileChanged if a file is not what was read: its sums must not be committed."""
        present = self._zone.look([file.path for file in files])
        changed = [file.path for file in files if present.get(file.path) != file]
        if changed:
            raise FileChanged(changed)


def _record(
    file: File,
    report: Report,
    new_companies: Mapping[str, int],
    earlier: Mapping[str, Record],
    commit: At,
    order: int,
) -> Record:
    """Return the record of a file that was read, or rejected as a whole, in this commit."""
    new = new_companies.get(file.path, 0)
    before = earlier.get(file.path)
    version, at = commit
    return Record(
        size=file.size,
        mtime=file.mtime,
        tag=file.tag,
        read=report.read,
        new=new,
        duplicates=report.read - report.rejected - new,
        rejected=report.rejected,
        state="rejected" if report.outcome == "rejected" else "ingested",
        version=version,
        at=at,
        reason=report.reason,
        order=order,
        earlier=before.new + before.earlier if before else 0,
        earlier_commits=before.commits() if before else (),
        unrecognised=report.unrecognised,
    )


def _outcome(path: str, r: Record) -> Outcome:
    return Outcome(path, r.read, r.new, r.duplicates, r.rejected, r.state, r.reason)


def _cause(error: Exception) -> str:
    """Return the reason of a failure in one line."""
    if isinstance(error, CityFeaturesError | PySparkException | Py4JError):
        return session.cause(error)
    return f"{type(error).__name__}: {session.cause(error)}"
