"""Several writers at once: a company counts once."""

import threading
from pathlib import Path

from streaming.domain.results import Outcome
from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.store.store import Store
from tests import oracle
from tests.harness import Program, Service, row
from tests.proxy import Proxy


def test_another_writer_just_before_the_merge_makes_it_recompute(service: Service, proxy: Proxy) -> None:
    first = service.put("a.csv", [row(1, "1.00"), row(2, "2.00")])
    writer = Ingest(service.spark, service.store(), service.settings)
    landed = local.listing(service.settings.landing_zone)
    second = service.put("b.csv", [row(2, "50.00"), row(3, "3.00")])
    proxy.before(1, lambda: writer(landed) and None)
    later = [f for f in local.listing(service.settings.landing_zone) if f.path == "b.csv"]

    outcomes = Ingest(service.spark, Store(proxy.url, service.settings), service.settings)(later)

    assert outcomes == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


def test_a_redis_flushed_and_filled_again_just_before_the_merge_makes_it_recompute(
    service: Service, proxy: Proxy
) -> None:
    """The number of commits is the same again, the companies counted are others."""
    first = service.put("a.csv", [row(1)])
    service.run()
    service.put("b.csv", [row(2)])
    service.put("c.csv", [row(3)])
    b, c = local.listing(service.settings.landing_zone)[1:]
    writer = Ingest(service.spark, service.store(), service.settings)

    def flush_and_fill() -> None:
        service.redis.flushall()
        writer([b])

    proxy.before(1, flush_and_fill)
    Ingest(service.spark, Store(proxy.url, service.settings), service.settings)([c])
    service.run()

    assert service.features() == oracle.features([first, oracle.text([row(2), row(3)])])
    service.conserved()


def test_many_writers_at_once_count_once(service: Service) -> None:
    """The same six files by four writers, each in another order and in batches of its own."""
    contents = [
        service.put(f"{n}.csv", [row(n), row(n + 1, "1.01"), row(n + 2, "0.09", "Belém", "PA")])
        for n in range(6)
    ]
    landed = local.listing(service.settings.landing_zone)
    outcomes: list[Outcome] = []

    def work() -> None:
        ingest = Ingest(service.spark, service.store(), service.settings)
        for start in range(0, 6, 2):
            outcomes.extend(ingest(landed[start : start + 2]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(o.file for o in outcomes) == [f"{n}.csv" for n in range(6)], "each accounted for once"
    service.holds(*contents)


def test_two_runs_at_once_on_different_checkpoints_count_once(
    service: Service, program: Program, tmp_path: Path
) -> None:
    contents = [
        service.put(f"{n}.csv", [row(i, f"{i}.{n:02d}") for i in range(n * 30, n * 30 + 50)])
        for n in range(6)
    ]
    started = [
        program.start("run", "--json", CHECKPOINTS=str(tmp_path / name), MAX_FILES_PER_TRIGGER="1")
        for name in ("one", "two")
    ]
    ended = [(*s.communicate(timeout=120), s.returncode) for s in started]

    assert [code for *_, code in ended] == [0, 0], ended
    service.holds(*contents)
    assert int(service.redis.get("ingest:version")) == 6


def test_two_runs_at_once_on_the_same_checkpoint_wait_for_each_other(
    service: Service, program: Program
) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    started = [program.start("run", LOG_FORMAT="json") for _ in range(2)]
    ended = [(*s.communicate(timeout=120), s.returncode) for s in started]

    assert [code for *_, code in ended] == [0, 0], ended
    assert sum("another run has this checkpoint" in err for _, err, _ in ended) == 1, ended
    assert sum("nothing new" in out for out, _, _ in ended) == 1, ended
    service.holds(content)
