"""
The job `quality`: how good the counted data is, file by file and over all.

What the records in Redis have is taken from there. The rest is read again from the files, one after
another and in this process: it needs no Spark, and no more memory than ingesting the largest file.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from streaming.domain import quality as values
from streaming.domain.capitals import Largest
from streaming.domain.catalogue import COMPANIES, COUNTRY, MONTHLY
from streaming.domain.file import File
from streaming.domain.quality import Conservation, FileQuality, Inspection, Months, Quality, Rows
from streaming.domain.records import Record
from streaming.domain.results import Outcome
from streaming.errors import Conflict
from streaming.jobs import monthly, status, verify
from streaming.landing import places
from streaming.pipeline import archive
from streaming.reading import inspection
from streaming.reading.inspection import Inspector, NotRead
from streaming.reading.messages import Rules, TaskResources
from streaming.settings import Settings
from streaming.store import keys
from streaming.store.store import Store

ATTEMPTS = 50

Report = Callable[[list[Outcome]], None]


@dataclass(frozen=True)
class Snapshot:
    """Redis at one version: its records, the openings by month, the sums of companies by key."""

    version: int
    records: dict[str, Record]
    openings: Mapping[str, int]
    companies: Mapping[str, int]


def quality(settings: Settings, store: Store, report: Report) -> Quality:
    """
    Return how good the counted data is; `report` gets the outcome of each file that was read.

    A file that is gone, has changed or cannot be read is noted; what its record has is shown.

    Raises:
        Conflict: others never stopped writing to Redis.
        FormatRefused: Redis was filled by another version, with other rules.
    """
    store.require_format()
    snapshot = _snapshot(store)
    counted = {path: r for path, r in snapshot.records.items() if r.state == "ingested"}
    files = archive.in_ingest_order(counted, archive.of(settings, store))
    largest = Largest(sum(counted[path].read for path in files))
    inspector = Inspector(places.zone(settings), TaskResources(threads=len(os.sched_getaffinity(0))))
    inspections: dict[str, Inspection] = {}
    unread = {path: "gone, or changed after it was counted" for path in counted.keys() - files.keys()}
    for at, batch in _batches(files, counted):
        rules = Rules.of(settings, datetime.fromisoformat(at))
        results = inspector.inspect(batch.values(), rules, largest.most, largest.above)
        for path, file in batch.items():
            result = results[file.path]
            if isinstance(result, NotRead):
                unread[path] = result.why
            else:
                largest.add(path, result.largest, result.marked)
                inspections[path] = replace(result, largest=(), marked=())
        report([_outcome(path, counted[path]) for path in batch])
    informed = sum(inspected.fitting - inspected.not_informed for inspected in inspections.values())
    capitals, far = largest.capitals(informed)
    each = [
        _file(path, record, inspections.get(path), unread.get(path), far.get(path, 0))
        for path, record in sorted(snapshot.records.items())
    ]
    conservation = _conservation(snapshot, inspections)
    return Quality(
        ok=not conservation.broken,
        version=snapshot.version,
        files=each,
        rows=Rows.total(file.rows for file in each),
        rows_rejected_by_reason=values.summed(inspected.rejected for inspected in inspections.values()),
        unrecognised=status.unrecognised(settings, store, None),
        months=Months.of(snapshot.openings),
        capitals=capitals,
        conservation=conservation,
        notes=_notes(snapshot.records, inspections, unread),
    )


def _snapshot(store: Store) -> Snapshot:
    """Read records and sums of one and the same version."""
    country, months = COUNTRY.key_of({}), MONTHLY[COUNTRY].key_of({})
    for _ in range(ATTEMPTS):
        position = store.position()
        records = store.records()
        openings = monthly.counts(MONTHLY[COUNTRY], store.hash(months))
        blocks = (name.partition(":")[2] for name in store.keys(keys.LEDGERS))
        companies = {
            country: int(store.hash(country).get(COUNTRY.count, 0)),
            months: sum(openings.values()),
            COMPANIES.key: int(sum(store.scores(COMPANIES).values())),
            keys.LEDGERS: sum(map(len, store.companies(blocks).values())),
        }
        if store.position() == position:
            return Snapshot(position[0], records, openings, companies)
    raise Conflict("Redis changed all the time while it was read: pause what ingests, then try again")


def _batches(
    files: Mapping[str, File], records: Mapping[str, Record]
) -> Iterator[tuple[str, dict[str, File]]]:
    """Cut files into pieces that were counted at one instant; a record's path may be its later home."""
    for at, paths in groupby(files, lambda path: records[path].at):
        recorded = {files[path]: path for path in paths}
        for batch in inspection.batches(list(recorded)):
            yield at, {recorded[file]: file for file in batch}


def _outcome(path: str, r: Record) -> Outcome:
    return Outcome(path, r.read, r.new, r.duplicates, r.rejected, r.state, r.reason)


def _file(
    path: str, record: Record, inspected: Inspection | None, unread: str | None, far: int
) -> FileQuality:
    rows = Rows(record.read, record.new, record.duplicates, record.rejected, record.unrecognised)
    if inspected is not None:
        is_same = _is_same(record, inspected)
        rows = replace(
            rows,
            duplicates_within_file=inspected.repeats if is_same else None,
            duplicates_across_files=record.duplicates - inspected.repeats if is_same else None,
            wrong_check_digits=inspected.wrong_digits,
            suspicious_text=inspected.mangled,
            capital_not_informed=inspected.not_informed,
            capital_outlier=inspected.huge + far,
        )
    return FileQuality(
        file=path,
        state=record.state,
        reason=record.reason,
        not_read_again="rejected as a whole" if record.state == "rejected" else unread,
        rows=rows,
        rows_rejected_by_reason=None if inspected is None else values.by_frequency(inspected.rejected),
        suspicious_text_example=None if inspected is None else inspected.mangled_example,
    )


def _is_same(record: Record, inspected: Inspection) -> bool:
    """Return whether the rows of a file are judged as they were when it was counted."""
    return (record.read, record.rejected) == (inspected.read, inspected.rejected_rows)


def _conservation(snapshot: Snapshot, inspections: Mapping[str, Inspection]) -> Conservation:
    companies = sum(record.new + record.earlier for record in snapshot.records.values())
    broken = verify.unconserved(snapshot.records)
    broken += [
        f"{path}: it has {inspected.read:,} rows, but {snapshot.records[path].read:,} are recorded"
        for path, inspected in inspections.items()
        if inspected.read != snapshot.records[path].read
    ]
    broken += [
        f"the files brought {companies:,} companies, but {key} has {number:,}"
        for key, number in snapshot.companies.items()
        if number != companies
    ]
    return Conservation(companies, snapshot.companies, broken)


def _notes(
    records: Mapping[str, Record], inspections: Mapping[str, Inspection], unread: Mapping[str, str]
) -> list[str]:
    notes = [f"{path}: not read again: {why}" for path, why in sorted(unread.items())]
    return notes + [
        f"{path}: {inspected.rejected_rows:,} rows are rejected now, {records[path].rejected:,} were"
        " when it was counted: the settings have changed"
        for path, inspected in sorted(inspections.items())
        if not _is_same(records[path], inspected)
    ]
