"""
One batch of files into Redis: summarise, decide, aggregate, merge.

The same function serves the stream and the reconcile pass.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
import tenacity
from pyspark.sql import SparkSession

from streaming import ledger
from streaming.batch import Batch
from streaming.errors import Conflict, FileChanged
from streaming.files import File, look
from streaming.records import Commit, Record
from streaming.settings import Settings
from streaming.sources import Report, Rules
from streaming.store import Store

ATTEMPTS = 20

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.ingest")


@dataclass(frozen=True)
class Outcome:
    """
    What a run did with one file: `state` is that of its record.

    Without a record it is `waiting` (for its writer) or `unreadable` (for a person to mend it).
    """

    file: str
    read: int
    new: int
    duplicates: int
    rejected: int
    state: str
    reason: str | None


class Ingest:
    """
    Ingests batches of files, one at a time.

    Guarantee: when `__call__` returns, each of these files that was still the same has a record in
    Redis, and each of their companies counts exactly once, whatever else writes there meanwhile. When
    it raises, nothing of the batch was written, or all of it was and the next call finds that out.
    """

    def __init__(self, spark: SparkSession, store: Store, settings: Settings) -> None:
        self._spark = spark
        self._store = store
        self._settings = settings
        self._landing_zone = settings.landing_zone.absolute()
        self._quarantine = settings.quarantine_dir.absolute()
        self.turn = threading.RLock()
        """Held while a batch is in hand."""

    def __call__(self, batch: Iterable[File]) -> list[Outcome]:
        """
        Ingest those of these files that have no record yet, in this order.

        Returns:
            What became of each file this call recorded, or could not read now, in ingest order.

        Raises:
            Conflict, FileChanged: it lost every one of its attempts to other writers.
            KeyRefused, RedisRefused, RedisUnavailable: nothing was written.
            PySparkException: reading failed; nothing was written.
        """
        files = list(dict.fromkeys(batch))
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
        with self.turn:
            return retrying(self._attempt, files, sent)

    def _attempt(self, files: list[File], sent: dict[str, Record]) -> list[Outcome]:
        version, after = self._store.position()
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
            elif report.outcome == "unreadable":
                outcomes.append(Outcome(file.path, 0, 0, 0, 0, "unreadable", report.reason))
                log.error("file can not be read now", file=file.path, reason=report.reason)
        self._unchanged(f for f in open_ if f.path in new_records)
        if new_records:
            sent.update(new_records)
            commit = Commit(version, at.isoformat(), increments, grown, new_records, after)
            self._store.merge(commit)
            for path, record in new_records.items():
                _say(path, record, reports[path])
        return outcomes + [_outcome(path, record) for path, record in new_records.items()]

    def _unchanged(self, files: Iterable[File]) -> None:
        changed = [f.path for f in files if look(self._landing_zone, f.path) != f]
        if changed:
            raise FileChanged(changed)


def _outcome(path: str, r: Record) -> Outcome:
    return Outcome(path, r.read, r.new, r.duplicates, r.rejected, r.state, r.reason)


def _say(path: str, record: Record, report: Report) -> None:
    counts = {k: getattr(record, k) for k in ("read", "new", "duplicates", "rejected")}
    if record.state == "rejected":
        log.warning("file rejected", file=path, reason=record.reason)
        return
    if report.extra:
        log.warning("columns ignored", file=path, columns=report.extra)
    if report.wrong_digits:
        log.warning("CNPJs with wrong check digits", file=path, rows=report.wrong_digits)
    say: Callable[..., None] = log.warning if record.rejected else log.info
    say("file ingested", file=path, **counts)
