"""What is handed out to a query that follows: new files, at once, and never one that was ingested."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.errors import LandingZoneAway, RedisUnavailable
from streaming.landing import local
from streaming.landing.settling import Settling
from streaming.pipeline import discovery
from streaming.pipeline.aside import Aside
from streaming.pipeline.discovery import Discovery
from streaming.pipeline.journal import Journal
from streaming.settings import Settings
from streaming.store.store import Store
from tests.proxy import Proxy

AT = "2026-11-26T12:00:00.000001+00:00"
SOON = 5.0

Discoveries = Callable[..., Discovery]


@pytest.fixture
def discoveries(settings: Settings, store: Store) -> Discoveries:
    """Make discoveries over a landing zone."""

    def make(**changed: object) -> Discovery:
        given = {"settings": settings, "store": store, "aside": Aside(), **changed}
        zone: Path = given["settings"].landing_zone
        settling = Settling(zone, settings.settle_seconds)
        journal, stop = Journal(), threading.Event()
        return Discovery(given["settings"], given["store"], settling, given["aside"], journal, stop)

    return make


@pytest.fixture
def never_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for a listing: what is handed out was seen by the watch."""
    monkeypatch.setattr(discovery, "LISTING", 3600.0)


def put(settings: Settings, name: str, content: str = "a line\n") -> File:
    """Rename a file into the landing zone; return it as it is there."""
    hidden = settings.landing_zone / ".writing"
    hidden.write_text(content)
    os.utime(hidden, (time.time() - 60,) * 2)  # or a file renamed at once has to stand still first
    hidden.rename(settings.landing_zone / name)
    file = local.stat_file(settings.landing_zone, name)
    assert file is not None
    return file


def record(store: Store, *files: File) -> None:
    """Have Redis hold a record of these files."""
    version = store.version() + 1
    records = {f.path: Record(f.size, f.mtime, 1, 1, 0, 0, "ingested", version, AT) for f in files}
    store.merge(Commit(version - 1, AT, {}, {}, records))


def test_a_file_renamed_in_is_handed_out_without_a_listing(
    discoveries: Discoveries, settings: Settings, never_listed: None
) -> None:
    found = discoveries()
    assert found.next(0) == []

    file = put(settings, "a.csv")

    assert found.next(SOON) == [file]
    assert found.next(SOON) == [file]  # it has no record yet


def test_thousands_renamed_in_at_once_are_all_handed_out(
    discoveries: Discoveries, settings: Settings, never_listed: None
) -> None:
    found = discoveries()
    assert found.next(0) == []

    files = {put(settings, f"{number}.csv") for number in range(3000)}

    handed: set[File] = set()
    while len(handed) < len(files) and (more := found.next(SOON)):
        handed |= set(more)
    assert handed == files


def test_a_file_with_a_record_is_not_handed_out_until_it_changes(
    discoveries: Discoveries, settings: Settings, store: Store
) -> None:
    found = discoveries()
    old = put(settings, "a.csv")
    assert found.next(0) == [old]
    record(store, old)
    assert found.next(0.6) == []  # by two listings

    new = put(settings, "a.csv", "another line\n")

    assert found.next(SOON) == [new]


def test_files_come_in_ingest_order(discoveries: Discoveries, settings: Settings) -> None:
    names = ("b.csv", "a.csv", "c.csv")
    for number, name in enumerate(names):
        put(settings, name)
        os.utime(settings.landing_zone / name, (number, number))

    assert [file.path for file in discoveries().next(0)] == list(names)


def test_a_look_at_counted_files_asks_redis_for_none_of_them(
    discoveries: Discoveries, settings: Settings, store: Store
) -> None:
    found = discoveries()
    record(store, *(put(settings, f"{number}.csv") for number in range(100)))
    assert found.next(0) == []
    asked = store.client.info("commandstats")["cmdstat_hmget"]["calls"]

    assert found.next(1) == []

    assert store.client.info("commandstats")["cmdstat_hmget"]["calls"] == asked


def test_a_record_that_redis_loses_is_noticed_by_the_reconciliation(
    discoveries: Discoveries, settings: Settings, store: Store
) -> None:
    found = discoveries(settings=settings.model_copy(update={"reconcile_seconds": 0.5}))
    archived = settings.landing_zone / "_archive" / "2026-11" / "old.csv"
    archived.parent.mkdir(parents=True)
    archived.write_text("a line\n")
    os.utime(archived, (1, 1))
    files = [File(10**9, "_archive/2026-11/old.csv", 7), put(settings, "new.csv")]
    record(store, *files)
    assert found.next(0) == []

    store.client.flushall()

    assert found.next(SOON) == files


def test_a_file_written_in_place_is_handed_out_when_it_is_whole(
    discoveries: Discoveries, settings: Settings, never_listed: None
) -> None:
    found = discoveries()
    assert found.next(0) == []
    path = settings.landing_zone / "slow.csv"
    with path.open("w") as writer:
        writer.write("half a li")
        writer.flush()
        assert found.next(0.3) == []
        writer.write("ne\n")
    assert found.next(0) == []

    assert [file.size for file in found.next(SOON)] == [len("half a line\n")]


def test_a_file_deleted_before_it_is_whole_is_forgotten(
    discoveries: Discoveries, settings: Settings
) -> None:
    found = discoveries()
    path = settings.landing_zone / "gone.csv"
    path.write_text("half a li")
    assert found.next(0) == []
    path.unlink()

    assert found.next(0.5) == []


def test_a_file_set_aside_is_handed_out_when_it_is_due(
    discoveries: Discoveries, settings: Settings
) -> None:
    class Due(Aside):
        now = False

        def is_due(self, file: File) -> bool:
            return self.now

    aside = Due()
    found = discoveries(aside=aside, settings=settings.model_copy(update={"reconcile_seconds": 0.5}))
    file = put(settings, "failed.csv")
    assert found.next(1) == []

    aside.now = True

    assert found.next(SOON) == [file]


def test_a_name_that_is_not_utf8_is_handed_out_and_the_watch_goes_on(
    discoveries: Discoveries, settings: Settings, never_listed: None
) -> None:
    found = discoveries()
    assert found.next(0) == []

    odd = put(settings, os.fsdecode(b"S\xe3o.csv"))
    assert found.next(SOON) == [odd]

    (settings.landing_zone / odd.path).unlink()
    assert found.next(0) == []
    plain = put(settings, "plain.csv")
    assert found.next(SOON) == [plain]


def test_a_landing_zone_made_again_is_watched_again(
    discoveries: Discoveries, settings: Settings, tmp_path: Path, never_listed: None
) -> None:
    found = discoveries()
    for away in (settings.landing_zone.rmdir, lambda: settings.landing_zone.rename(tmp_path / "away")):
        assert found.next(0) == []
        away()
        with pytest.raises(LandingZoneAway):
            found.next(SOON)
        settings.landing_zone.mkdir()
        assert found.next(0) == []

        file = put(settings, "a.csv")

        assert found.next(SOON) == [file]
        (settings.landing_zone / "a.csv").unlink()


def test_where_nothing_can_be_watched_files_are_listed(
    discoveries: Discoveries, settings: Settings, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"S\xe3o")  # the library takes UTF-8 only
    odd.mkdir()
    settings = settings.model_copy(update={"landing_zone": odd})
    found = discoveries(settings=settings)
    with capture_logs() as logs:
        assert found.next(0.6) == []
    file = put(settings, "a.csv")

    assert found.next(SOON) == [file]
    assert [entry["event"] for entry in logs] == ["changes are not watched: the landing zone is listed"]


def test_what_changed_while_redis_was_away_is_handed_out_when_it_is_back(
    discoveries: Discoveries, settings: Settings, proxy: Proxy, never_listed: None
) -> None:
    found = discoveries(store=Store(proxy.url, settings, retries=0))
    assert found.next(0) == []
    proxy.once("HMGET", proxy.cut)
    file = put(settings, "a.csv")
    with pytest.raises(RedisUnavailable):
        found.next(SOON)

    assert found.next(0) == [file]
