"""A rebuild that does not come to its end, or meets others: the features are as they were."""

import threading
import time
from pathlib import Path

import pytest

from streaming.domain.results import Outcome, Rebuilt
from streaming.errors import Conflict, KeyRefused, RedisRefused, RunFailed
from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.store import keys, rebuild_namespace
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests.harness import Program, Service, dumped, row, until
from tests.jobs.rebuilding import leftovers, other, rebuild, sound
from tests.proxy import Proxy


def test_a_run_that_arrives_meanwhile_waits_and_says_so(
    reordered: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    reordered.put("c.csv", [row(7)])
    outcomes: list[Outcome] = []
    with Lease(reordered.store(), keys.REBUILDING):
        thread = threading.Thread(target=lambda: outcomes.extend(reordered.run()))
        thread.start()
        until(lambda: "a rebuild is under way: waiting" in capfd.readouterr().out, what="the wait")
        assert "c.csv" not in reordered.records()
    thread.join()
    assert [o.file for o in outcomes] == ["c.csv"]


def test_a_run_with_other_checkpoints_waits_for_a_rebuild(
    reordered: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = Service(
        reordered.spark,
        other(reordered, checkpoints=tmp_path / "elsewhere"),
        str(reordered.settings.redis_url.get_secret_value()),  # type: ignore[union-attr]
    )
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.extend(elsewhere.run()))

    def arrive(_: list[Outcome]) -> None:
        if not thread.is_alive():
            reordered.put("c.csv", [row(7)])
            thread.start()
            until(lambda: "a rebuild is under way: waiting" in capfd.readouterr().out, what="the wait")

    assert rebuild(reordered, report=arrive) == Rebuilt(3, 3, 3, [])
    thread.join()
    assert [o.file for o in outcomes] == ["c.csv"]
    sound(reordered)


def test_what_a_writer_without_a_lease_commits_meanwhile_is_in_the_rebuilt_features(
    reordered: Service,
) -> None:
    late = [reordered.put]

    def commit(_: list[Outcome]) -> None:
        if late:
            late.pop()("c.csv", [row(1, "99"), row(7, "0.25")])
            landed = local.listing(reordered.settings.landing_zone)
            Ingest(reordered.spark, reordered.store(), reordered.settings)(landed)

    rebuild(reordered, report=commit)

    assert reordered.features()["Natal"] == ("3.75", "3", "1.25")
    reordered.conserved()
    sound(reordered)


def test_a_writer_elsewhere_that_never_stops_is_told_and_the_features_stay(reordered: Service) -> None:
    before = reordered.features()
    with pytest.raises(Conflict, match="Stop what else ingests"):
        rebuild(reordered, report=lambda _: reordered.redis.incr("ingest:version") and None)
    assert reordered.features() == before
    assert leftovers(reordered) == []


def test_a_file_deleted_after_it_was_read_again_is_not_in_the_new_features(reordered: Service) -> None:
    """Only where another round follows: the switch itself is of what was read."""
    once = [True]

    def act(_: list[Outcome]) -> None:
        if once:
            once.clear()
            (reordered.settings.landing_zone / "z.csv").unlink()
            reordered.redis.incr("ingest:version")

    rebuild(reordered, report=act)
    assert sorted(reordered.records()) == ["a.csv", "b.csv"]
    assert reordered.features()["Belém"] == ("7.01", "2", "3.51")
    sound(reordered)


def test_a_stop_leaves_the_features_as_they_were_and_nothing_else(reordered: Service) -> None:
    before = dumped(reordered.redis)
    stop = threading.Event()
    with pytest.raises(RunFailed, match="stopped; the features are as they were"):
        rebuild(
            reordered,
            stop=stop,
            report=lambda _: stop.set(),
            settings=other(reordered, max_files_per_trigger=1),
        )
    assert dumped(reordered.redis) == before


def test_a_key_in_the_way_that_is_not_ours_stops_it(reordered: Service) -> None:
    reordered.put("c.csv", [row(7, cidade="Olinda", estado="PE")])
    for make in (
        lambda: reordered.redis.set("Olinda", "mine"),
        lambda: reordered.redis.hset("Olinda", "name", "mine"),
    ):
        reordered.redis.delete("Olinda")
        make()
        before = dumped(reordered.redis)
        with pytest.raises(KeyRefused, match="'Olinda'"):
            rebuild(reordered)
        assert dumped(reordered.redis) == before


def test_a_lost_reply_to_the_switch_is_no_second_one(reordered: Service, proxy: Proxy) -> None:
    before = reordered.features()
    proxy.swallow(2)
    assert rebuild(reordered, store=Store(proxy.url, reordered.settings)).version == 3
    assert proxy.swallowed == 1
    assert reordered.features() == before
    sound(reordered)


def test_memory_that_runs_out_leaves_the_features_as_they_were(reordered: Service) -> None:
    before = dumped(reordered.redis)

    def full(_: list[Outcome]) -> None:
        reordered.redis.config_set("maxmemory", "1mb")

    try:
        with pytest.raises(RedisRefused, match="maxmemory"):
            rebuild(reordered, report=full)
    finally:
        reordered.redis.config_set("maxmemory", "0")
    rebuild_namespace.clean_interrupted(reordered.store())
    assert dumped(reordered.redis) == before


def test_without_any_of_its_files_it_refuses_to_forget_everything(reordered: Service) -> None:
    for path in reordered.settings.landing_zone.glob("*.csv"):
        path.unlink()
    before = dumped(reordered.redis)
    with pytest.raises(RunFailed, match=r"none of the 3 files that were counted is in .*allow-empty"):
        rebuild(reordered)
    assert dumped(reordered.redis) == before
    assert rebuild(reordered, allow_empty=True) == Rebuilt(3, 0, 0, ["a.csv", "b.csv", "z.csv"])
    assert reordered.features() == {} == reordered.records()
    assert sorted(reordered.redis.keys()) == [b"ingest:commit", b"ingest:format", b"ingest:version"]


def test_a_rebuild_that_was_killed_changed_nothing_and_the_next_run_cleans_up(
    reordered: Service, program: Program, proxy: Proxy
) -> None:
    before = dumped(reordered.redis)
    killed = program.start("rebuild", REDIS_URL=proxy.url, MAX_FILES_PER_TRIGGER="1")
    until(lambda: proxy.scripts >= 2, 60, what="the second batch")
    program.kill(killed)
    time.sleep(0.2)
    assert leftovers(reordered) != []
    live = {k: v for k, v in dumped(reordered.redis).items() if b"rebuild" not in k}
    assert live == before

    done = program.inside("run")  # with no Spark given

    assert "removed what an interrupted rebuild had left" in done.stderr
    assert dumped(reordered.redis) == before
    program.inside.spark = reordered.spark
    done = program.inside.json("rebuild")
    assert {k: done[k] for k in ("version", "cities")} == {"version": 3, "cities": 3}
    sound(reordered)


def test_a_run_does_not_clean_up_behind_a_rebuild_that_is_under_way(reordered: Service) -> None:
    store = reordered.store()
    with Lease(store, keys.REBUILDING):
        rebuild_namespace.begin(store, "x").client.set("rebuild:x:Natal", "1")
        rebuild_namespace.clean_interrupted(store)
        held = {b"ingest:rebuild", b"rebuild:x:Natal", b"ingest:lease:rebuild"}
        assert set(leftovers(reordered)) == held
    rebuild_namespace.clean_interrupted(store)
    assert leftovers(reordered) == []


def test_a_file_that_may_not_be_read_stops_it(reordered: Service, program: Program) -> None:
    before = dumped(reordered.redis)
    path = reordered.settings.landing_zone / "z.csv"
    path.chmod(0)
    program.powerless = True
    output = program("rebuild", code=1).stderr
    assert "z.csv: Permission denied; the features are as they were" in output
    assert dumped(reordered.redis) == before
