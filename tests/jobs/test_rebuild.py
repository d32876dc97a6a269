"""A rebuild: everything again from the files, and readers see the old features or the new ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from streaming.domain.cells import Cell, Sums
from streaming.domain.records import Commit
from streaming.domain.results import Rebuilt
from streaming.jobs.rebuild import Rebuild
from streaming.landing import places, quarantine
from streaming.pipeline import archive
from streaming.store import rebuild_namespace
from streaming.store.store import Store
from tests import oracle
from tests.harness import Service, dumped, in_background, row, until
from tests.jobs.rebuilding import leftovers, other, rebuild, sound

pytestmark = pytest.mark.both_zones

FIELDS = [b"capital_social_total", b"quantidade_empresas", b"capital_social_medio", b"atualizado_em"]


def test_a_rebuild_of_what_is_right_changes_no_feature(reordered: Service) -> None:
    before = reordered.features()
    files = dict.fromkeys(reordered.records())

    assert rebuild(reordered) == Rebuilt(version=3, cities=3, files=3, gone=[])

    assert reordered.features() == before
    assert dict.fromkeys(reordered.records()) == files
    assert leftovers(reordered) == []
    reordered.conserved()
    sound(reordered)
    assert reordered.run() == []


def test_a_second_rebuild_and_what_comes_after_keep_the_order_too(reordered: Service) -> None:
    before = reordered.features()
    rebuild(reordered)
    reordered.put("c.csv", [row(4, "9.00"), row(5, "1.00", "Belém", "PA")])
    reordered.run()
    assert rebuild(reordered).version == 5
    assert {k: v for k, v in reordered.features().items() if not k.startswith("Belém")} == {
        k: v for k, v in before.items() if not k.startswith("Belém")
    }
    assert reordered.features()["Belém"] == ("1.01", "2", "0.51")
    sound(reordered)


def test_deleting_a_bad_file_and_rebuilding_undoes_it(reordered: Service) -> None:
    """With it goes what it had kept from counting: the same companies in later files."""
    reordered.landed.remove("z.csv")

    assert rebuild(reordered).gone == ["z.csv"]

    assert reordered.features()["Belém"] == ("7.01", "2", "3.51")
    assert "Natal" not in reordered.features()
    assert reordered.redis.exists("Natal") == 0
    assert sorted(reordered.records()) == ["a.csv", "b.csv"]
    assert list(quarantine.rows(places.quarantine(reordered.settings))) == []
    reordered.conserved()
    sound(reordered)


def test_tampered_features_and_a_lost_ledger_are_mended(reordered: Service) -> None:
    before = reordered.features()
    reordered.redis.hset("Natal", "capital_social_total", "much")
    reordered.redis.delete("Recife", *reordered.redis.keys("ledger:*"))
    reordered.redis.copy("Belém", "Olinda")
    rebuild(reordered)
    assert reordered.features() == before
    sound(reordered)


def test_files_that_wait_are_counted_after_those_that_were(reordered: Service) -> None:
    reordered.put("0.csv", [row(1, "50.00"), row(8, "8.00", "Recife", "PE")], mtime=1_000_000_000)
    rebuild(reordered)
    assert reordered.features()["Recife"] == ("12.00", "2", "6.00")
    assert reordered.features()["Natal"] == ("3.50", "2", "1.75")
    assert reordered.run() == []


def test_archived_files_are_read_where_they_are(reordered: Service) -> None:
    before = reordered.features()
    archive.of(other(reordered, archive=True), reordered.store()).sweep()
    assert rebuild(reordered).files == 3
    assert reordered.features() == before
    sound(reordered)


def test_archived_files_without_records_are_in_the_new_features(reordered: Service) -> None:
    """Redis lost them all. In a bucket such a file counts as whole only after ten seconds."""
    archive.of(other(reordered, archive=True), reordered.store()).sweep()
    reordered.redis.flushall()

    assert rebuild(reordered) == Rebuilt(version=2, cities=3, files=3, gone=[])

    assert sum(int(f[1]) for key, f in reordered.features().items() if "/" in key) == 4
    sound(reordered)


def test_a_file_archived_before_it_is_read_keeps_its_turn(reordered: Service) -> None:
    """A follower may still sweep what it committed just before the rebuild took the lease."""
    before = reordered.features()
    reordered.put("c.csv", [row(1, "99.00", "Recife", "PE")])
    swept: list[int] = []

    def start() -> SparkSession:
        if not swept:
            settings = other(reordered, archive=True)
            swept.append(archive.of(settings, reordered.store()).sweep())
        return reordered.spark

    Rebuild(reordered.settings, reordered.store(), start, threading.Event(), lambda _: None).run()

    assert swept == [3]
    assert reordered.features() == before
    sound(reordered)


@contextmanager
def watched(service: Service, keys: list[str]) -> Iterator[list[set[tuple[bytes, ...]]]]:
    """Poll these keys all the time; yield every state each of them was seen in."""
    seen: list[set[tuple[bytes, ...]]] = [set() for _ in keys]
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            pipeline = service.redis.pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, FIELDS)
            for states, state in zip(seen, pipeline.execute(), strict=True):
                states.add(tuple(state))

    with in_background(poll, over):
        yield seen


def test_of_5571_cities_none_is_ever_missing_or_half_built(
    service: Service,
) -> None:
    cities = [f"Município {n:04d}" for n in range(5571)]
    service.put("a.csv", [row(n, "1.00", city) for n, city in enumerate(cities)])
    service.put("b.csv", [row(n + 10_000, "0.50", city) for n, city in enumerate(cities)])
    service.run()
    service.landed.remove("b.csv")

    with watched(service, cities) as seen:
        rebuild(service)
        until(lambda: all(len(states) == 2 for states in seen), what="the new state of each city")

    assert {state[:3] for states in seen for state in states} == {
        (b"1.50", b"2", b"0.75"),
        (b"1.00", b"1", b"1.00"),
    }
    sound(service)


def test_the_switch_of_5571_cities_takes_redis_less_than_a_second(store: Store) -> None:
    """The shortest of five: what else the machine does meanwhile counts as its time too."""
    added = {
        Cell(f"Município {n:04d}", "SP", "2026-10", "capital_0"): Sums(Decimal("1.00"), 1)
        for n in range(5571)
    }
    commit = Commit(0, "2026-11-24T12:00:00.000000+00:00", added, {}, {})
    store.merge(commit)
    store.client.config_set("slowlog-log-slower-than", 1000)
    took = []
    for n in range(5):
        beside = rebuild_namespace.begin(store, str(n))
        beside.merge(commit)
        store.client.slowlog_reset()
        assert rebuild_namespace.switch(store, beside, store.position(), str(n)) == (n + 2, 5571)
        took += [e["duration"] for e in store.client.slowlog_get(9) if b"EVALSHA" in e["command"]]
    assert min(took) < 1_000_000


def test_a_namespace_of_its_own_is_rebuilt_and_the_rest_stays(service: Service) -> None:
    settings = other(service, feature_prefix="teste[1]:")
    url = str(settings.redis_url.get_secret_value())  # type: ignore[union-attr]
    service.put("a.csv", [row(1)])
    service.run()
    mine = Service(service.spark, settings, url)
    mine.run()
    before = {k: v for k, v in dumped(service.redis).items() if not k.startswith(b"teste")}
    service.redis.hset("teste[1]:Natal", "capital_social_total", "5")

    rebuild(mine)

    after = dumped(service.redis)
    assert {k: v for k, v in after.items() if not k.startswith(b"teste")} == before
    assert service.redis.hget("teste[1]:Natal", "capital_social_total") == b"100.00"
    assert not any(b"rebuild" in key for key in after)


def test_the_oracle_agrees(service: Service) -> None:
    contents = [
        service.put(f"{n}.csv", [row(i, f"{i}.{n}0") for i in range(n, n + 9)]) for n in (3, 1, 2)
    ]
    for _ in range(2):
        service.run()
        rebuild(service)
    service.holds(*contents)
    assert service.features() == oracle.features(contents)
