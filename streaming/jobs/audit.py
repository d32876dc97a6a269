"""
The job `audit`: every feature recomputed from the files by an independent path, and compared with Redis.

It reads from Redis only the list of ingested files with their order and commit time. It shares the
reader with ingestion, not the ledger, the decision or the merge (`recount`). Where content is gone, the
records also tell which instants of a key that explains (`instants`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pyspark.sql import SparkSession

from streaming.domain import catalogue
from streaming.domain.records import LastAudit, Record
from streaming.domain.results import Audit, Difference
from streaming.errors import CityFeaturesError, Conflict
from streaming.jobs import instants
from streaming.jobs.lifetime import LazySpark
from streaming.jobs.recount import Hashes, Recount
from streaming.pipeline import archive
from streaming.settings import Settings
from streaming.store.store import Store

ATTEMPTS = 50

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.audit")


@dataclass(frozen=True)
class Snapshot:
    """Redis at one version: its features, and its records."""

    version: int
    hashes: Hashes
    records: dict[str, Record]


def audit(settings: Settings, store: Store) -> Audit:
    """
    Compare the features in Redis with what the files add up to, as `compare` does.

    Redis keeps instant, version and number of differences, for metrics; where it does not let this user
    write, the log has a warning.
    """
    with LazySpark(settings) as start:
        result = compare(settings, store, start)
    now = datetime.now(UTC).isoformat()
    try:
        store.note_audit(LastAudit(now, result.version, len(result.differences)))
    except CityFeaturesError as error:
        log.warning(
            "result of the audit not kept for metrics: it is right all the same",
            reason=str(error),
            action="let this user SET ingest:audit in Redis",
        )
    return result


def compare(settings: Settings, store: Store, start: Callable[[], SparkSession]) -> Audit:
    """
    Compare the features in Redis with what the files add up to.

    Raises:
        Conflict: others never stopped writing to Redis.
        FormatRefused: Redis was filled by another version, with other rules.
        RunFailed: a file changed or became unreadable while it was audited.
    """
    store.require_format()
    snapshot = _snapshot(store)
    counted = {path: r for path, r in snapshot.records.items() if r.state == "ingested"}
    files = archive.in_ingest_order(counted, archive.of(settings, store))
    gone = sorted(counted.keys() - files.keys())
    notes = [
        f"{path}: overwritten after {record.earlier} companies of it were counted"
        for path, record in sorted(snapshot.records.items())
        if record.earlier
    ] + [
        f"{path}: gone or changed after {counted[path].new} companies of it were counted"
        for path in gone
    ]
    recount = Recount([(file, counted[path]) for path, file in files.items()], settings, start)
    expected = recount.hashes()
    cities = [values for key, values in expected.items() if catalogue.group_of(key) == catalogue.CITY]
    companies = sum(int(values[catalogue.CITY.count]) for values in cities)
    wrong = differences(snapshot.hashes, expected)
    lost = instants.lost(snapshot.records.values(), (counted[path] for path in gone))
    late = {d.key for d in wrong if _is_instant(d)}
    if lost and late:
        explained = recount.instants(late, lost)
        wrong = [d for d in wrong if not _is_instant(d) or d.redis not in explained[d.key]]
    return Audit(len(cities), companies, len(files), snapshot.version, wrong, notes)


def _is_instant(difference: Difference) -> bool:
    group = catalogue.group_of(difference.key)
    return group is not None and difference.field is not None and difference.field == group.at


def _snapshot(store: Store) -> Snapshot:
    """Read features and records of one and the same version."""
    for _ in range(ATTEMPTS):
        position = store.position()
        snapshot = Snapshot(position[0], store.hashes(), store.records())
        if store.position() == position:
            return snapshot
    raise Conflict("Redis changed all the time while it was read: pause what ingests, then audit again")


def differences(redis: Hashes, expected: Hashes) -> list[Difference]:
    """Return every key that is missing or too many, and every field that is not the same text."""
    wrong = []
    for key in sorted(redis.keys() | expected.keys()):
        theirs, ours = redis.get(key), expected.get(key)
        if ours is None or theirs is None:
            wrong.append(Difference(key, None, _shown(key, theirs), _shown(key, ours)))
            continue
        wrong += [
            Difference(key, field, theirs.get(field), ours.get(field))
            for field in (*ours, *sorted(theirs.keys() - ours.keys()))
            if theirs.get(field) != ours.get(field)
        ]
    return wrong


def _shown(key: str, values: dict[str, str] | None) -> str:
    """Return what stands for a key: its first field, or how many fields it has."""
    if values is None:
        return "no such key"
    group = catalogue.group_of(key) or catalogue.CITY
    return values.get(group.fields[0], f"{len(values)} fields")
