"""The gauges: what Redis and the landing zone hold, and nothing where it cannot be known."""

import json
import os
import shutil
import socket
import time
from dataclasses import replace
from datetime import datetime

import pytest

from streaming.domain.file import File
from streaming.domain.records import LastAudit
from streaming.jobs import gauges
from streaming.jobs.gauges import GAUGES, Gauges
from streaming.metrics import tally
from streaming.settings import Settings
from streaming.store import formats
from streaming.store.store import Store
from tests.store.commits import AT, commit, record


def collected(settings: Settings, store: Store) -> dict[str, float]:
    """Return the samples of a new look, less what differs on each machine and in each process."""
    return samples(Gauges(settings, store))


def samples(collector: Gauges) -> dict[str, float]:
    values = {
        sample.name.removeprefix("city_features_"): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }
    return {name: value for name, value in values.items() if name in GAUGES}


def put(settings: Settings, name: str, size: int, mtime: int) -> None:
    path = settings.landing_zone / name
    path.write_bytes(b"x" * size)
    os.utime(path, (mtime, mtime))


def test_the_gauges_are_what_redis_and_the_landing_zone_hold(settings: Settings, store: Store) -> None:
    rejected = replace(record(), state="rejected", mtime=9_000_000_000, at="2026-11-20T00:00:00+00:00")
    counted = replace(record(), mtime=8_500_000_000)
    store.merge(replace(commit(), records={"a.csv": counted, "b.csv": rejected}))
    put(settings, "new.csv", 5, 1_000_000)
    put(settings, "newer.csv", 7, 2_000_000)
    put(settings, "other.txt", 7, 1)
    store.note_audit(LastAudit("2026-11-25T00:00:00+00:00", 1, 3))

    values = collected(settings, store)

    free = values.pop("landing_zone_free_bytes")
    assert free == pytest.approx(shutil.disk_usage(settings.landing_zone).free, rel=0.1)
    assert values == {
        "backlog_files": 2,
        "backlog_bytes": 12,
        "oldest_waiting_timestamp_seconds": 1_000_000,
        "last_commit_timestamp_seconds": datetime.fromisoformat(AT).timestamp(),
        "newest_file_timestamp_seconds": 8.5,
        "ledger_bytes": sum(store.client.strlen(key) for key in store.client.scan_iter("ledger:*")),
        "audit_differences": 3,
        "audit_timestamp_seconds": datetime.fromisoformat("2026-11-25T00:00:00+00:00").timestamp(),
        "format": formats.FORMAT,
        "format_expected": formats.FORMAT,
        "redis_up": 1,
    }
    assert values["ledger_bytes"] > 0


def test_of_an_empty_service_there_is_nothing_to_count_from(settings: Settings, store: Store) -> None:
    values = collected(settings, store)
    del values["landing_zone_free_bytes"]
    assert values == {
        **{"backlog_files": 0, "backlog_bytes": 0, "ledger_bytes": 0},
        **{"format_expected": formats.FORMAT, "redis_up": 1},
    }


def test_without_redis_only_what_is_known_without_it_is_told(settings: Settings) -> None:
    values = collected(settings, Store("redis://127.0.0.1:1/0", settings, retries=0))
    del values["landing_zone_free_bytes"]
    assert values == {"redis_up": 0, "format_expected": formats.FORMAT}


def test_a_redis_that_hangs_is_away_within_the_patience_of_a_scrape(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        begun = time.monotonic()
        values = collected(settings, Store(url, settings, retries=1, patience=0.3))
    assert values["redis_up"] == 0
    assert time.monotonic() - begun < 5


def test_without_a_landing_zone_what_redis_knows_is_told(settings: Settings, store: Store) -> None:
    store.merge(commit())
    settings.landing_zone.rmdir()
    values = collected(settings, store)
    assert values.keys() == {
        *("last_commit_timestamp_seconds", "newest_file_timestamp_seconds", "ledger_bytes"),
        *("format", "format_expected", "redis_up"),
    }


def test_a_long_look_is_not_repeated_at_once(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def slow(*_: object) -> list[File]:
        looks.append(time.monotonic())
        time.sleep(0.05)
        return []

    monkeypatch.setattr(gauges, "waiting", slow)
    collector = Gauges(settings, store)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert samples(collector)["backlog_files"] == 0
    assert 1 <= len(looks) <= 3


def test_the_records_are_read_again_only_after_a_commit(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "SHARE", 0)
    collector = Gauges(settings, store)
    store.merge(commit())
    first = samples(collector)
    key = settings.feature_prefix + "ingest:files"
    text = json.loads(store.client.hget(key, "a.csv"))
    store.client.hset(key, "a.csv", json.dumps({**text, "mtime": 7_000_000_000}))
    assert samples(collector)["newest_file_timestamp_seconds"] == first["newest_file_timestamp_seconds"]
    store.merge(commit(file="b.csv", expected=1))
    assert samples(collector)["newest_file_timestamp_seconds"] == 7


def test_conflicts_and_retries_are_those_of_this_process(settings: Settings, store: Store) -> None:
    def conflicts() -> float:
        counts = {s.name: s.value for m in Gauges(settings, store).collect() for s in m.samples}
        assert counts["city_features_redis_retries_total"] == tally.count(tally.REDIS_RETRIES)
        return counts["city_features_conflicts_total"]

    before = conflicts()
    tally.add(tally.CONFLICTS)
    assert conflicts() == before + 1
