"""
One batch of files into Redis: summarise, decide, aggregate, merge.

The same function serves the stream and the reconcile pass. A file that fails in a way nobody foresaw
costs that file alone: the batch is cut in halves until it is found.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime

import structlog
import tenacity
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from streaming.domain import ledger
from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, Conflict, FileChanged, KeyRefused, RunFailed
from streaming.landing.local import stat_file
from streaming.pipeline import warmup
from streaming.pipeline.batch import Batch
from streaming.reading.messages import Report, Rules
from streaming.settings import Settings
from streaming.spark import session
from streaming.store.store import Store

ATTEMPTS = 20

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.ingest")


class Ingest:
    """
    Ingests batches of files, one at a time.

    Guarantee: when `__call__` returns, each of these files that was still the same and did not fail has
    a record in Redis, and each of their companies counts exactly once, whatever else writes there
    meanwhile. When it raises, what was written is whole commits, and the next call finds them.
    """

    def __init__(self, spark: SparkSession, store: Store, settings: Settings) -> None:
        self._spark = spark
        self._store = store
        self._settings = settings
        self._landing_zone = settings.landing_zone.absolute()
        self._quarantine = settings.quarantine_dir.absolute()
        self.turn = threading.RLock()
        """Held while a batch is in hand."""
        self.refused: dict[str, KeyRefused] = {}
        """Files that failed because of a key in Redis that a person has to move, by path."""

    def __call__(self, batch: Iterable[File]) -> list[Outcome]:
        """
        Ingest those of these files that have no record yet, in this order.

        Returns:
            What became of each file this call recorded, or could not read now, in ingest order.

        Raises:
            Conflict, FileChanged: it lost every one of its attempts to other writers.
            KeyRefused, RedisRefused, RedisUnavailable: Redis does not take it, whatever the file.
            EnvironmentRefused, PySparkException: nothing can be read, whatever the file.
        """
        with self.turn:
            return self._apart(list(dict.fromkeys(batch)))

    def _apart(self, files: list[File]) -> list[Outcome]:
        """Ingest these files; if some of them make that fail, find those and ingest the others."""
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
        """Raise if what all files need does not work: the version, the records, Spark's workers."""
        self._store.position()
        self._store.records([file.path for file in files])
        warmup.check_workers(self._spark)

    def _failed(self, file: File, error: Exception) -> Outcome:
        if isinstance(error, KeyRefused):
            self.refused[file.path] = error
        reason = _cause(error)
        log.error("file failed", file=file.path, reason=reason)
        log.debug("file failed", file=file.path, exc_info=error)
        return Outcome(file.path, 0, 0, 0, 0, "failed", reason)

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
        # A reply can be lost after the script ran: then the record is the very one that was sent.
        done = {p: r for p, r in records.items() if sent.get(p) == r}
        open_ = [f for f in files if not (f.path in records and records[f.path].is_of(f))]
        outcomes = [_outcome(path, record) for path, record in done.items()]
        if not open_:
            return outcomes
        at = datetime.now(UTC)
        rules = Rules(now=at, strict=self._settings.cnpj_check_digits == "strict")
        places = self._landing_zone, self._quarantine
        with closing(Batch(self._spark, open_, rules, *places)) as batch:
            reports, companies = batch.told.reports, batch.told.companies
            counted = [f.path for f in open_ if reports[f.path].outcome == "read"]
            verdicts, grown = ledger.decide(
                (companies[path] for path in counted),
                self._store.companies(ledger.blocks(companies.values())),
            )
            by_path = dict(zip(counted, verdicts, strict=True))
            increments = batch.increments(by_path)
        new_records = {}
        for order, file in enumerate(open_):
            report = reports[file.path]
            if report.outcome in ("read", "rejected"):
                before = records.get(file.path)
                new_records[file.path] = Record(
                    size=file.size,
                    mtime=file.mtime,
                    read=report.read,
                    new=(new := by_path[file.path].new if report.outcome == "read" else 0),
                    duplicates=report.read - report.rejected - new,
                    rejected=report.rejected,
                    state="rejected" if report.outcome == "rejected" else "ingested",
                    version=version + 1,
                    at=at.isoformat(),
                    reason=report.reason,
                    order=order,
                    earlier=before.new + before.earlier if before else 0,
                    earlier_commits=before.commits() if before else (),
                )
            elif report.outcome in ("unreadable", "failed"):
                outcomes.append(Outcome(file.path, 0, 0, 0, 0, report.outcome, report.reason))
                what = "file cannot be read now" if report.outcome == "unreadable" else "file failed"
                log.error(what, file=file.path, reason=report.reason)
        self._unchanged(f for f in open_ if f.path in new_records)
        if new_records:
            sent.update(new_records)
            commit = Commit(version, at.isoformat(), increments, grown, new_records, commit_id)
            self._store.merge(commit)
            for path, record in new_records.items():
                _say(path, record, reports[path])
        return outcomes + [_outcome(path, record) for path, record in new_records.items()]

    def _unchanged(self, files: Iterable[File]) -> None:
        changed = [f.path for f in files if stat_file(self._landing_zone, f.path) != f]
        if changed:
            raise FileChanged(changed)


def _outcome(path: str, r: Record) -> Outcome:
    return Outcome(path, r.read, r.new, r.duplicates, r.rejected, r.state, r.reason)


def _cause(error: Exception) -> str:
    """Return one line that says what happened."""
    if isinstance(error, CityFeaturesError | PySparkException | Py4JError):
        return session.cause(error)
    return f"{type(error).__name__}: {session.cause(error)}"


def _say(path: str, record: Record, report: Report) -> None:
    counts = {k: getattr(record, k) for k in ("read", "new", "duplicates", "rejected")}
    if record.state == "rejected":
        log.warning("file rejected", file=path, reason=record.reason)
        return
    if report.extra:
        log.warning("columns ignored", file=path, columns=report.extra)
    if report.wrong_digits:
        log.warning("CNPJs with wrong check digits", file=path, rows=report.wrong_digits)
    if report.mangled:
        log.warning(
            "cities that look wrongly decoded",
            file=path,
            rows=report.mangled,
            example=report.mangled_example,
        )
    say: Callable[..., None] = log.warning if record.rejected else log.info
    say("file ingested", file=path, **counts)
