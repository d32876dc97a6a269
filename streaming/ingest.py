"""
One batch of files into Redis: summarise, decide, aggregate, merge.

The same function serves the stream and the reconcile pass.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import structlog
import tenacity
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming import features, ledger
from streaming.errors import Conflict, FileChanged
from streaming.files import File, look
from streaming.records import Commit, Record
from streaming.settings import Settings
from streaming.sources import Report, Rules, Source, Surplus
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
        summaries = self._summarise(open_, rules).persist()
        try:
            reports, companies, repeated = _collect(summaries, open_)
            counted = [f for f in open_ if reports[f.path].outcome == "read"]
            verdicts, grown = ledger.decide(
                (companies[f.path] for f in counted),
                self._store.companies(ledger.blocks(companies.values())),
            )
            by_path = dict(zip((f.path for f in counted), verdicts, strict=True))
            increments = self._increments(summaries, open_, by_path, repeated, rules)
        finally:
            summaries.unpersist()
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

    def _summarise(
        self, files: list[File], rules: Rules, surplus: Mapping[str, Surplus] | None = None
    ) -> DataFrame:
        sources = [
            Source(
                number,
                file.path,
                str(self._landing_zone / file.path),
                file.size,
                file.mtime,
                surplus[file.path] if surplus else None,
            )
            for number, file in enumerate(files)
        ]
        return features.summarise(self._spark, sources, rules, self._quarantine)

    def _increments(
        self,
        summaries: DataFrame,
        files: list[File],
        verdicts: dict[str, ledger.Verdict],
        repeated: dict[str, ledger.Companies],
        rules: Rules,
    ) -> dict[tuple[str, str], tuple[Decimal, int]]:
        """Add up the files that bring something new, and take off what of them does not count."""
        new = {path for path, verdict in verdicts.items() if verdict.new}
        nothing = [number for number, file in enumerate(files) if file.path not in new]
        total = summaries.where(~F.col("file").isin(nothing))
        surplus = {
            path: Surplus(ledger.pack(verdicts[path].repeats), ledger.pack(repeated[path]))
            for path in new
            if verdicts[path].repeats or repeated[path]
        }
        if not surplus:
            return _places(features.aggregate(total))
        again = [file for file in files if file.path in surplus]
        too_much = self._summarise(again, rules, surplus).persist()
        try:
            reports, _, _ = _collect(too_much, again)
            if changed := [path for path, r in reports.items() if r.outcome != "read"]:
                raise FileChanged(changed)
            return _places(features.aggregate(total.union(too_much)))
        finally:
            too_much.unpersist()

    def _unchanged(self, files: Iterable[File]) -> None:
        changed = [f.path for f in files if look(self._landing_zone, f.path) != f]
        if changed:
            raise FileChanged(changed)


def _collect(
    summaries: DataFrame, files: list[File]
) -> tuple[dict[str, Report], dict[str, ledger.Companies], dict[str, ledger.Companies]]:
    """Bring reports, companies and those repeated (never the places) of summaries to the driver."""
    columns = ("file", "report", "block", "companies", "repeated")
    rows = summaries.where(F.col("cidade").isNull()).select(*columns)
    reports: dict[str, Report] = {}
    companies: dict[str, ledger.Companies] = {file.path: {} for file in files}
    repeated: dict[str, ledger.Companies] = {file.path: {} for file in files}
    for number, report, block, members, more_than_once in rows.collect():
        path = files[number].path
        if report is not None:
            reports[path] = Report(**json.loads(report))
            continue
        companies[path] |= ledger.unpack({block: bytes(members)})
        if more_than_once is not None:
            repeated[path] |= ledger.unpack({block: bytes(more_than_once)})
    return reports, companies, repeated


def _places(total: DataFrame) -> dict[tuple[str, str], tuple[Decimal, int]]:
    return {(r[0], r[1]): (r[2], r[3]) for r in total.collect()}


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
