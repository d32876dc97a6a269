"""A rebuild: everything again from the files, and readers see the old features or the new ones."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from streaming import locks
from streaming.domain.catalogue import Place, Sums
from streaming.domain.records import Commit
from streaming.domain.results import Outcome, Rebuilt
from streaming.errors import Conflict, EnvironmentRefused, KeyRefused, RedisRefused, RunFailed
from streaming.jobs import audit
from streaming.jobs.rebuild import Rebuild
from streaming.landing import quarantine
from streaming.pipeline import archive
from streaming.settings import Settings, load
from streaming.store import rebuild_namespace
from streaming.store.store import Store
from tests import oracle
from tests.harness import Program, Service, dumped, in_background, row, until
from tests.proxy import Proxy

FIELDS = [b"capital_social_total", b"quantidade_empresas", b"capital_social_medio", b"atualizado_em"]


def rebuild(
    service: Service,
    *,
    report: Callable[[list[Outcome]], None] = lambda _: None,
    store: Store | None = None,
    stop: threading.Event | None = None,
    settings: Settings | None = None,
    **options: bool,
) -> Rebuilt:
    stop = stop or threading.Event()
    made = Rebuild(
        settings or service.settings, store or service.store(), lambda: service.spark, stop, report
    )
    return made.run(**options)


def other(service: Service, **changes: object) -> Settings:
    return load(**{**service.settings.model_dump(), **changes, "_env_file": None})


def sound(service: Service) -> None:
    found = audit.compare(service.settings, service.store(), lambda: service.spark)
    assert (found.differences, found.notes) == ([], [])


def leftovers(service: Service) -> list[bytes]:
    return [key for key in service.redis.scan_iter() if b"rebuild" in key]


@pytest.fixture
def filled(service: Service) -> Service:
    """Two commits: the first has the newer file, so that only the order of ingestion tells who wins."""
    service.put("z.csv", [row(1, "1.00"), row(2, "2.50"), row(9, "-1")])
    service.run()
    earlier = time.time() - 10 * 24 * 3600
    service.put("a.csv", [row(1, "7.00", "Belém", "PA"), row(3, "0.01", "Belém", "PA")], mtime=earlier)
    service.put("b.csv", [row(3, "5.00"), row(4, "4.00", "Recife", "PE")], mtime=earlier + 1)
    service.run()
    return service


def test_a_rebuild_of_what_is_right_changes_no_feature(filled: Service) -> None:
    before = filled.features()
    files = dict.fromkeys(filled.records())

    assert rebuild(filled) == Rebuilt(version=3, cities=3, files=3, gone=[])

    assert filled.features() == before
    assert dict.fromkeys(filled.records()) == files
    assert leftovers(filled) == []
    filled.conserved()
    sound(filled)
    assert filled.run() == []


def test_a_second_rebuild_and_what_comes_after_keep_the_order_too(filled: Service) -> None:
    before = filled.features()
    rebuild(filled)
    filled.put("c.csv", [row(4, "9.00"), row(5, "1.00", "Belém", "PA")])
    filled.run()
    assert rebuild(filled).version == 5
    assert {k: v for k, v in filled.features().items() if not k.startswith("Belém")} == {
        k: v for k, v in before.items() if not k.startswith("Belém")
    }
    assert filled.features()["Belém"] == ("1.01", "2", "0.51")
    sound(filled)


def test_deleting_a_bad_file_and_rebuilding_undoes_it(filled: Service) -> None:
    """With it goes what it had kept from counting: the same companies in later files."""
    (filled.settings.landing_zone / "z.csv").unlink()

    assert rebuild(filled).gone == ["z.csv"]

    assert filled.features()["Belém"] == ("7.01", "2", "3.51")
    assert "Natal" not in filled.features()
    assert filled.redis.exists("Natal") == 0
    assert sorted(filled.records()) == ["a.csv", "b.csv"]
    assert list(quarantine.rows(filled.settings.quarantine_dir)) == []
    filled.conserved()
    sound(filled)


def test_tampered_features_and_a_lost_ledger_are_mended(filled: Service) -> None:
    before = filled.features()
    filled.redis.hset("Natal", "capital_social_total", "much")
    filled.redis.delete("Recife", *filled.redis.keys("ledger:*"))
    filled.redis.copy("Belém", "Olinda")
    rebuild(filled)
    assert filled.features() == before
    sound(filled)


def test_files_that_wait_are_counted_after_those_that_were(filled: Service) -> None:
    filled.put("0.csv", [row(1, "50.00"), row(8, "8.00", "Recife", "PE")], mtime=1_000_000_000)
    rebuild(filled)
    assert filled.features()["Recife"] == ("12.00", "2", "6.00")
    assert filled.features()["Natal"] == ("3.50", "2", "1.75")
    assert filled.run() == []


def test_archived_files_are_read_where_they_are(filled: Service) -> None:
    before = filled.features()
    archive.sweep(other(filled, archive=True), filled.store())
    assert rebuild(filled).files == 3
    assert filled.features() == before
    sound(filled)


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
    (service.settings.landing_zone / "b.csv").unlink()

    with watched(service, cities) as seen:
        rebuild(service)
        until(lambda: all(len(states) == 2 for states in seen), what="the new state of each city")

    assert {state[:3] for states in seen for state in states} == {
        (b"1.50", b"2", b"0.75"),
        (b"1.00", b"1", b"1.00"),
    }
    sound(service)


def test_the_switch_of_5571_cities_takes_redis_less_than_half_a_second(store: Store) -> None:
    """The shortest of five: what else the machine does meanwhile counts as its time too."""
    added = {Place(f"Município {n:04d}", "SP"): Sums(Decimal("1.00"), 1) for n in range(5571)}
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
    assert min(took) < 500_000


def test_a_run_that_arrives_meanwhile_waits_and_says_so(
    filled: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    filled.put("c.csv", [row(7)])
    found: list[Outcome] = []
    with locks.exclusive(filled.settings, threading.Event()):
        thread = threading.Thread(target=lambda: found.extend(filled.run()))
        thread.start()
        until(lambda: "a rebuild is under way: waiting" in capfd.readouterr().out, what="the wait")
        assert "c.csv" not in filled.records()
    thread.join()
    assert [o.file for o in found] == ["c.csv"]


def test_what_a_writer_elsewhere_commits_meanwhile_is_in_the_rebuilt_features(
    filled: Service, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Service(
        filled.spark,
        other(filled, checkpoints=tmp_path / "elsewhere"),
        str(filled.settings.redis_url.get_secret_value()),  # type: ignore[union-attr]
    )
    late = [filled.put]

    def commit(_: list[Outcome]) -> None:
        if late:
            late.pop()("c.csv", [row(1, "99"), row(7, "0.25")])
            elsewhere.run()

    rebuild(filled, report=commit)

    assert filled.features()["Natal"] == ("3.75", "3", "1.25")
    filled.conserved()
    sound(filled)


def test_a_writer_elsewhere_that_never_stops_is_told_and_the_features_stay(filled: Service) -> None:
    before = filled.features()
    with pytest.raises(Conflict, match="Stop what else ingests"):
        rebuild(filled, report=lambda _: filled.redis.incr("ingest:version") and None)
    assert filled.features() == before
    assert leftovers(filled) == []


def test_a_file_deleted_after_it_was_read_again_is_not_in_the_new_features(filled: Service) -> None:
    """Only where another round follows: the switch itself is of what was read."""
    once = [True]

    def act(_: list[Outcome]) -> None:
        if once:
            once.clear()
            (filled.settings.landing_zone / "z.csv").unlink()
            filled.redis.incr("ingest:version")

    rebuild(filled, report=act)
    assert sorted(filled.records()) == ["a.csv", "b.csv"]
    assert filled.features()["Belém"] == ("7.01", "2", "3.51")
    sound(filled)


def test_a_stop_leaves_the_features_as_they_were_and_nothing_else(filled: Service) -> None:
    before = dumped(filled.redis)
    stop = threading.Event()
    with pytest.raises(RunFailed, match="stopped; the features are as they were"):
        rebuild(
            filled,
            stop=stop,
            report=lambda _: stop.set(),
            settings=other(filled, max_files_per_trigger=1),
        )
    assert dumped(filled.redis) == before


def test_a_key_in_the_way_that_is_not_ours_stops_it(filled: Service) -> None:
    filled.put("c.csv", [row(7, cidade="Olinda", estado="PE")])
    for make in (
        lambda: filled.redis.set("Olinda", "mine"),
        lambda: filled.redis.hset("Olinda", "name", "mine"),
    ):
        filled.redis.delete("Olinda")
        make()
        before = dumped(filled.redis)
        with pytest.raises(KeyRefused, match="'Olinda'"):
            rebuild(filled)
        assert dumped(filled.redis) == before


def test_a_lost_reply_to_the_switch_is_no_second_one(filled: Service, proxy: Proxy) -> None:
    before = filled.features()
    proxy.swallow(2)
    assert rebuild(filled, store=Store(proxy.url, filled.settings)).version == 3
    assert proxy.swallowed == 1
    assert filled.features() == before
    sound(filled)


def test_memory_that_runs_out_leaves_the_features_as_they_were(filled: Service) -> None:
    before = dumped(filled.redis)

    def full(_: list[Outcome]) -> None:
        filled.redis.config_set("maxmemory", "1mb")

    try:
        with pytest.raises(RedisRefused, match="maxmemory"):
            rebuild(filled, report=full)
    finally:
        filled.redis.config_set("maxmemory", "0")
    rebuild_namespace.clean_interrupted(filled.settings, filled.store())
    assert dumped(filled.redis) == before


def test_without_any_of_its_files_it_refuses_to_forget_everything(filled: Service) -> None:
    for path in filled.settings.landing_zone.glob("*.csv"):
        path.unlink()
    before = dumped(filled.redis)
    with pytest.raises(RunFailed, match=r"none of the 3 files that were counted is in .*allow-empty"):
        rebuild(filled)
    assert dumped(filled.redis) == before
    assert rebuild(filled, allow_empty=True) == Rebuilt(3, 0, 0, ["a.csv", "b.csv", "z.csv"])
    assert filled.features() == {} == filled.records()
    assert sorted(filled.redis.keys()) == [b"ingest:commit", b"ingest:format", b"ingest:version"]


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


def test_a_rebuild_that_was_killed_changed_nothing_and_the_next_run_cleans_up(
    filled: Service, program: Program, proxy: Proxy
) -> None:
    before = dumped(filled.redis)
    killed = program.start("rebuild", REDIS_URL=proxy.url, MAX_FILES_PER_TRIGGER="1")
    until(lambda: proxy.scripts >= 2, 60, what="the second batch")
    program.kill(killed)
    time.sleep(0.2)
    assert leftovers(filled) != []
    live = {k: v for k, v in dumped(filled.redis).items() if b"rebuild" not in k}
    assert live == before

    said = program("run", JAVA_HOME="/nowhere")

    assert "removed what an interrupted rebuild had left" in said.stderr
    assert dumped(filled.redis) == before
    done = program.json("rebuild")
    assert {k: done[k] for k in ("version", "cities")} == {"version": 3, "cities": 3}
    sound(filled)


def test_a_run_does_not_clean_up_behind_a_rebuild_that_is_under_way(filled: Service) -> None:
    store = filled.store()
    with locks.exclusive(filled.settings, threading.Event()):
        rebuild_namespace.begin(store, "x").client.set("rebuild:x:Natal", "1")
        rebuild_namespace.clean_interrupted(filled.settings, store)
        assert len(leftovers(filled)) == 2
    rebuild_namespace.clean_interrupted(filled.settings, store)
    assert leftovers(filled) == []


def test_a_file_that_may_not_be_read_stops_it(filled: Service, program: Program) -> None:
    before = dumped(filled.redis)
    path = filled.settings.landing_zone / "z.csv"
    path.chmod(0)
    program.powerless = True
    said = program("rebuild", code=1).stderr
    assert "z.csv: Permission denied; the features are as they were" in said
    assert dumped(filled.redis) == before


def test_the_oracle_agrees(service: Service) -> None:
    contents = [
        service.put(f"{n}.csv", [row(i, f"{i}.{n}0") for i in range(n, n + 9)]) for n in (3, 1, 2)
    ]
    for _ in range(2):
        service.run()
        rebuild(service)
    service.holds(*contents)
    assert service.features() == oracle.features(contents)


def test_a_lock_that_cannot_be_written_is_named(service: Service) -> None:
    (service.settings.checkpoints / ".rebuild.lock").mkdir()  # as one of root's, for another user

    with pytest.raises(EnvironmentRefused, match=r"checkpoints .*rebuild\.lock cannot be written"):
        rebuild_namespace.clean_interrupted(service.settings, service.store())
