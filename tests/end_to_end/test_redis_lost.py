"""Redis away, flushed, restored, or silent about a merge: a company counts once."""

import pytest

from streaming.domain.results import Outcome
from streaming.errors import KeyRefused, RedisUnavailable
from streaming.pipeline import archive
from streaming.store.store import Store
from tests import oracle
from tests.harness import Service, dumped, restore, row
from tests.proxy import Proxy

pytestmark = pytest.mark.both_zones


def test_a_key_of_another_kind_stops_the_run_and_is_named(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2, cidade="Belém", estado="PA")])
    service.redis.set("Belém", "mine")
    before = dumped(service.redis)

    with pytest.raises(KeyRefused, match="'Belém' is a string"):
        service.run()

    assert dumped(service.redis) == before
    service.redis.delete("Belém")
    assert [(o.file, o.new) for o in service.run()] == [("a.csv", 2)]
    service.holds(content)


def test_a_redis_that_goes_away_stops_the_run_and_the_next_one_completes(
    service: Service, proxy: Proxy
) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    proxy.before(1, proxy.close)

    with pytest.raises(RedisUnavailable, match="does not answer"):
        service.run(store=Store(proxy.url, service.settings, retries=1))

    assert not [key for key in dumped(service.redis) if not key.startswith(b"ingest:lease:")]
    assert [(o.file, o.new) for o in service.run()] == [("a.csv", 2)]
    service.holds(content)


def test_a_flushed_redis_gets_everything_back(service: Service) -> None:
    first = service.put("a.csv", [row(1, "1.00"), row(2)])
    service.run()
    second = service.put("b.csv", [row(1, "3.00"), row(3)])
    service.run()
    before = service.features()
    service.redis.flushall()

    outcomes = service.run()

    assert [(o.file, o.read, o.new, o.duplicates) for o in outcomes] == [
        ("a.csv", 2, 2, 0),
        ("b.csv", 2, 1, 1),
    ]
    assert service.features() == before
    service.holds(first, second)


def test_a_flushed_redis_gets_archived_files_before_newer_ones(service: Service) -> None:
    first = service.put("b.csv", [row(1, "1.00"), row(2)])
    service.run()
    archive.of(service.settings.model_copy(update={"archive": True}), service.store()).sweep()
    service.redis.flushall()
    second = service.put("a.csv", [row(1, "3.00"), row(3)])

    service.run()

    service.holds(first, second)


def test_a_redis_restored_from_an_earlier_state_gets_back_what_is_missing(service: Service) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    yesterday = dumped(service.redis)
    second = service.put("b.csv", [row(2), row(3)])
    service.run()
    third = service.put("c.csv", [row(3), row(4), row(1)])
    service.run()
    restore(service.redis, yesterday)

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("b.csv", 1, 1), ("c.csv", 1, 2)]
    service.holds(first, second, third)


@pytest.mark.parametrize("lost", [(1,), (1, 2), (1, 2, 3)], ids=["once", "twice", "three times"])
def test_a_merge_retried_after_a_lost_reply_counts_once_and_is_accounted_for(
    service: Service, proxy: Proxy, lost: tuple[int, ...]
) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.put("b.csv", [row(2), row(3), row(4, "-1")])
    proxy.swallow(*lost)

    outcomes = service.run(store=Store(proxy.url, service.settings))

    assert proxy.swallowed == len(lost)
    assert sorted(outcomes, key=lambda o: o.file) == [
        Outcome("a.csv", 2, 2, 0, 0, "ingested", None),
        Outcome("b.csv", 3, 1, 1, 1, "ingested", None),
    ]
    service.holds(first, oracle.text([row(2), row(3)]))
    assert service.redis.get("ingest:version") == b"1"


def test_connections_cut_before_the_merge_are_made_again(service: Service, proxy: Proxy) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    proxy.before(1, proxy.cut)

    outcomes = service.run(store=Store(proxy.url, service.settings))

    assert outcomes == [Outcome("a.csv", 2, 2, 0, 0, "ingested", None)]
    service.holds(content)
