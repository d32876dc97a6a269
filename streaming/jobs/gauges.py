"""
The gauges of the service: looked up when someone asks for the metrics, not kept up to date.

So they are right also while the pipeline waits or hangs. A look lists the landing zone and asks Redis
for the records, which takes long where there are many: until SHARE times as long has passed (or LONGEST
seconds), the result of the last look is given again.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.domain.records import Record
from streaming.errors import CityFeaturesError
from streaming.metrics import tally
from streaming.metrics.instruments import PREFIX
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store import formats
from streaming.store.store import Store
from streaming.version import version

SHARE = 20
LONGEST = 60.0

GAUGES = {
    "backlog_files": "Files that wait to be ingested",
    "backlog_bytes": "Bytes of the files that wait",
    "oldest_waiting_timestamp_seconds": "Last change of the oldest file that waits; none waits: absent",
    "last_commit_timestamp_seconds": "Instant of the last commit",
    "newest_file_timestamp_seconds": "Last change of the newest file that was counted",
    "ledger_bytes": "Bytes of the ledger's blocks in Redis",
    "audit_differences": "Differences that the last audit found",
    "audit_timestamp_seconds": "Instant of the last audit",
    "format": "Version of rules and keys that Redis was filled with",
    "format_expected": "Version of rules and keys of this program",
    "landing_zone_free_bytes": "Bytes that are free on the file system of the landing zone",
    "redis_up": "Whether Redis answers",
}
"""Name, without the prefix, and help; what is not known has no sample."""

Values = dict[str, float | None]


@dataclass(frozen=True)
class Committed:
    """What the records tell at one position: only a commit changes it."""

    position: tuple[int, str] | None = None
    last_commit: float | None = None
    newest_file: float | None = None
    ledger_bytes: int | None = None


class Gauges(Collector):
    """
    Collects the gauges of one service; several threads may ask.

    Args:
        store: one that gives up soon, as whoever scrapes waits for seconds only.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._committed = Committed()
        self._seen: Values = {}
        self._due = 0.0
        self._lock = threading.Lock()

    def describe(self) -> list[Metric]:
        """Name nothing: to register is not to look."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge, and what the store counted."""
        values = self._values()
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(PREFIX + name, text)
            if (value := values.get(name)) is not None:
                gauge.add_metric([], value)
            yield gauge
        yield CounterMetricFamily(
            f"{PREFIX}conflicts", "Commits that lost to another writer", tally.count(tally.CONFLICTS)
        )
        yield CounterMetricFamily(
            f"{PREFIX}redis_retries", "Repeated commands to Redis", tally.count(tally.REDIS_RETRIES)
        )
        yield InfoMetricFamily(f"{PREFIX}build", "The version of the program", {"version": version()})

    def _values(self) -> Values:
        values: Values = {"format_expected": formats.FORMAT, "redis_up": self._redis_answers()}
        try:
            values["landing_zone_free_bytes"] = shutil.disk_usage(self._settings.landing_directory).free
        except (OSError, ValueError):  # an object store has no end
            values["landing_zone_free_bytes"] = None
        if not values["redis_up"]:
            return values
        with self._lock:
            begun = time.monotonic()
            if begun >= self._due:
                self._seen = self._look()
                now = time.monotonic()
                self._due = now + min(SHARE * (now - begun), LONGEST)
            return values | self._seen

    def _redis_answers(self) -> bool:
        try:
            with self._store.translated():
                return bool(self._store.client.ping())
        except CityFeaturesError:
            return False

    def _look(self) -> Values:
        """Return what needs Redis: as much of it as can be found out."""
        values: Values = {}
        for part in (self._backlog, self._records, self._audit, self._format):
            try:
                values |= part()
            except CityFeaturesError:  # a gauge without a sample; the pipeline logs why
                continue
        return values

    def _backlog(self) -> Values:
        files = waiting(self._settings, self._store)
        oldest = min((file.mtime / 1e9 for file in files), default=None)
        return {
            "backlog_files": len(files),
            "backlog_bytes": sum(file.size for file in files),
            "oldest_waiting_timestamp_seconds": oldest,
        }

    def _records(self) -> Values:
        position = self._store.position()
        if position != self._committed.position:
            self._committed = self._read(position)
        return {
            "last_commit_timestamp_seconds": self._committed.last_commit,
            "newest_file_timestamp_seconds": self._committed.newest_file,
            "ledger_bytes": self._committed.ledger_bytes,
        }

    def _read(self, position: tuple[int, str]) -> Committed:
        records = self._store.records().values()
        return Committed(
            position,
            max((timestamp(record.at) for record in records), default=None),
            max((record.mtime / 1e9 for record in records if _is_counted(record)), default=None),
            self._store.ledger_bytes(),
        )

    def _audit(self) -> Values:
        audit = self._store.last_audit()
        if audit is None:
            return {}
        return {
            "audit_differences": audit.differences,
            "audit_timestamp_seconds": timestamp(audit.at),
        }

    def _format(self) -> Values:
        return {"format": self._store.format()}


def _is_counted(record: Record) -> bool:
    return record.state == "ingested"


def timestamp(instant: str) -> float:
    """Return an instant in ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(instant).timestamp()
