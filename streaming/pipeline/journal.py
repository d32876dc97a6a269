"""
The journal of the pipeline: what became of files, and how long it took, as log lines and as metrics.

Latency counts from the moment this process first saw a file as it is now: a writer's time is not ours.
"""

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import structlog

from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.domain.results import COUNTS, Outcome
from streaming.metrics import instruments
from streaming.reading.messages import Report

BATCH_ID = 8  # characters of the commit's id, as in `ingest:commit`: enough to find it

# What a person does about a file without an outcome that counts; the reason is beside it in the log.
ACTIONS = {
    "rejected": "correct or delete the file; it is read again when it changes",
    "unreadable": "make the file readable; it is tried again",
    "failed": "mend what the reason names, or delete the file; it is tried again",
}
EVENTS = {"unreadable": "file cannot be read now", "failed": "file failed"}

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.ingest")


class Moments(NamedTuple):
    """When a batch began, had been read, and was committed: monotonic seconds."""

    begun: float
    read: float
    committed: float


class Journal:
    """
    Notes when files are discovered, committed, archived or fail; several threads may use one.

    It knows a file from its discovery to its commit; `listed` forgets those that are gone.
    """

    def __init__(self) -> None:
        self._since: dict[File, float] = {}
        self._lock = threading.Lock()

    def discovered(self, files: Iterable[File], at: float) -> None:
        """Note that these files were seen, first or again, at this moment (monotonic seconds)."""
        with self._lock:
            for file in files:
                self._since.setdefault(file, at)

    def listed(self, files: Collection[File], at: float) -> None:
        """Note the files without a record of a whole listing that began at this moment."""
        with self._lock:
            # What the stream discovered after the listing began may not be in it.
            kept = {f: since for f, since in self._since.items() if since > at}
            self._since = {f: self._since.get(f, at) for f in files} | kept

    def committed(
        self, commit: Commit, version: int, reports: Mapping[str, Report], moments: Moments
    ) -> None:
        """Log and measure the files of one commit, then the commit as a whole."""
        batch = commit.id[:BATCH_ID]
        for path, record in commit.records.items():
            seconds = self._measure(record.file(path), moments)
            _count(record)
            _log_file(path, record, reports[path], batch, seconds)
        instruments.BATCH.observe(moments.committed - moments.begun)
        records = commit.records.values()
        log.info(
            "batch committed",
            batch=batch,
            version=version,
            files=len(records),
            files_rejected=sum(record.state == "rejected" for record in records),
            **{count: sum(getattr(record, count) for record in records) for count in COUNTS},
            seconds=round(moments.committed - moments.begun, 3),
        )

    def recovered(self, records: Mapping[str, Record]) -> None:
        """Log and measure files that an earlier attempt committed, the reply to which was lost."""
        now = time.monotonic()
        for path, record in records.items():
            with self._lock:
                since = self._since.pop(record.file(path), now)
            instruments.READABLE.observe(now - since)
            _count(record)
            _log_file(path, record, Report("read"), None, round(now - since, 3))

    def _measure(self, file: File, moments: Moments) -> float:
        """Observe the stages of one file; return the seconds from its discovery to its commit."""
        with self._lock:
            since = self._since.pop(file, moments.begun)
        stages = instruments.STAGE
        stages["waiting"].observe(max(0.0, moments.begun - since))
        stages["reading"].observe(moments.read - moments.begun)
        stages["committing"].observe(moments.committed - moments.read)
        instruments.READABLE.observe(moments.committed - since)
        return round(moments.committed - since, 3)

    def failed(self, outcome: Outcome) -> None:
        """Log and count a file that cannot be counted."""
        instruments.FILES[outcome.state].inc()
        log.error(
            EVENTS[outcome.state],
            file=outcome.file,
            reason=outcome.reason,
            action=ACTIONS[outcome.state],
        )

    def archived(self, files: int, begun: float) -> None:
        """Measure how long moving these files took."""
        seconds = time.monotonic() - begun
        for _ in range(files):
            instruments.STAGE["archiving"].observe(seconds)


def _count(record: Record) -> None:
    instruments.FILES[record.state].inc()
    for outcome, counter in instruments.ROWS_OF.items():
        counter.inc(getattr(record, outcome))


def _log_file(path: str, record: Record, report: Report, batch: str | None, seconds: float) -> None:
    """Write the line of a file, after a line for each thing to look at in it."""
    of_file = log.bind(batch=batch, file=path)
    if report.extra:
        of_file.warning("columns ignored", columns=report.extra)
    if report.wrong_digits:
        of_file.warning("CNPJs with wrong check digits", rows=report.wrong_digits)
    if report.unrecognised:
        of_file.warning("cities that are no municipality", rows=report.unrecognised)
    if report.mangled:
        of_file.warning(
            "cities that look wrongly decoded", rows=report.mangled, example=report.mangled_example
        )
    of_file = of_file.bind(
        **{count: getattr(record, count) for count in COUNTS}, seconds=seconds, version=record.version
    )
    if record.state == "rejected":
        of_file.warning("file rejected", reason=record.reason, action=ACTIONS["rejected"])
    elif record.rejected:
        of_file.warning("file ingested")
    else:
        of_file.info("file ingested")
