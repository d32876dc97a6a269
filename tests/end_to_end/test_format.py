"""The format of what is in Redis: another one stops before anything is written; `rebuild` migrates."""

import threading

import pytest

from streaming.domain.cells import Cell, Sums
from streaming.domain.records import Commit
from streaming.domain.results import Check, Format
from streaming.errors import FormatRefused
from streaming.jobs import audit, run
from streaming.jobs.rebuild import Rebuild
from streaming.jobs.status import status
from streaming.store import formats, health
from tests.end_to_end import first_format
from tests.harness import Service, dumped, row


@pytest.fixture
def first(service: Service) -> Service:
    """A service over what version 0.1.0 left."""
    first_format.fill(service.redis, service.settings.landing_zone)
    return service


def rebuild(service: Service) -> int:
    store = service.store()
    made = Rebuild(service.settings, store, lambda: service.spark, threading.Event(), lambda _: None)
    return made.run().version


@pytest.mark.parametrize("follow", [False, True])
def test_another_format_stops_a_run_before_anything_is_written(first: Service, follow: bool) -> None:
    assert first.store().format() == 1
    first.put("c.csv", [row(9, "0.01")])
    before = dumped(first.redis)

    with pytest.raises(FormatRefused, match=r"format 1, and this version has 2.*city-features rebuild"):
        run.run(first.settings, first.store(), lambda _: None, follow=follow)

    assert dumped(first.redis) == before


def test_the_merge_itself_looks_at_the_format(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    store = service.store()
    commit = Commit(
        0,
        "2026-11-24T12:00:00+00:00",
        {Cell("Natal", "RN", "2026-10", "capital_0"): Sums(companies=1)},
        {},
        {},
    )
    store.merge(commit)
    monkeypatch.setattr(formats, "FORMAT", 3)
    before = dumped(service.redis)
    with pytest.raises(FormatRefused, match="format 2"):
        store.merge(Commit(1, commit.at, commit.increments, {}, {}))
    service.redis.delete("ingest:format")
    with pytest.raises(FormatRefused, match="format 1"):
        store.merge(Commit(1, commit.at, commit.increments, {}, {}))
    service.redis.set("ingest:format", "2")
    assert dumped(service.redis) == before


def test_a_newer_format_asks_for_a_newer_version(service: Service) -> None:
    service.redis.set("ingest:format", "99")
    with pytest.raises(
        FormatRefused, match=r"format 99.*Use the version of city-features that filled it"
    ):
        service.store().require_format()
    with pytest.raises(FormatRefused, match="format 99"):
        audit.compare(service.settings, service.store(), lambda: service.spark)


def test_a_rebuild_migrates_in_one_switch(first: Service) -> None:
    before = first.features()

    assert rebuild(first) == 3

    assert (first.redis.get("ingest:format"), first.features()) == (b"2", before)
    first.conserved()
    assert first.run() == []
    assert audit.compare(first.settings, first.store(), lambda: first.spark).differences == []


def test_check_names_another_format(first: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_the_format() -> Check:
        (check,) = [c for c in health.checks(first.store) if c.name == "redis: format"]
        return check

    monkeypatch.setattr(formats, "FORMAT", 1)
    assert of_the_format() == Check("redis: format", True, "1")
    monkeypatch.undo()
    assert not of_the_format().ok
    assert "city-features rebuild" in of_the_format().detail


def test_status_shows_the_format(first: Service) -> None:
    assert status(first.settings, first.store()).format == Format(1, 2)
    first.redis.flushall()
    assert status(first.settings, first.store()).format == Format(None, 2)
