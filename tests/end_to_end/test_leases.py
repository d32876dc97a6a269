"""Runs whose lease ran out in the middle of a batch: nothing of it is written, and it is done again."""

import os
import signal
import threading
from operator import attrgetter
from pathlib import Path

import pytest

from streaming.domain.results import Outcome
from streaming.store import keys, lease
from streaming.store.store import Store
from tests.harness import Program, Service, row, until
from tests.proxy import Proxy

HOLDING = 240.0


@pytest.mark.parametrize("succeeded", [False, True], ids=["nobody else ran", "another ran"])
def test_a_run_paused_in_a_batch_for_longer_than_its_lease_counts_once(
    service: Service, program: Program, proxy: Proxy, tmp_path: Path, succeeded: bool
) -> None:
    content = service.put("a.csv", [row(1), row(2, "0.01")])
    paused, resumed = threading.Event(), threading.Event()

    def pause() -> None:
        os.kill(started.pid, signal.SIGSTOP)
        paused.set()
        resumed.wait(HOLDING)

    proxy.before(1, pause)
    started = program.start("run", LOG_FORMAT="json", REDIS_URL=proxy.url)
    assert paused.wait(HOLDING)
    if succeeded:
        program.inside.spark = service.spark
        done = program.inside("run", CHECKPOINTS=str(tmp_path / "elsewhere"))
        assert f"process {started.pid} on " in done.stderr
    else:
        store, zone = service.store(), str(service.settings.landing_zone)
        until(lambda: not lease.is_held(store, keys.RUN, zone), what="the end of the lease")
        assert service.store().version() == 0
    os.kill(started.pid, signal.SIGCONT)
    resumed.set()
    out, errors = started.communicate(timeout=240)

    assert started.returncode == 0, errors
    assert "recomputing under a new lease" in errors
    assert ("nothing new" in out) == succeeded
    assert service.store().version() == 1
    service.holds(content)
    assert service.store().keys(keys.LEASES) == set()


def test_a_redis_flushed_in_the_middle_of_a_batch_is_filled_again(
    service: Service, proxy: Proxy
) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    second = service.put("b.csv", [row(3)])
    proxy.before(1, lambda: service.redis.flushall())

    outcomes = service.run(store=Store(proxy.url, service.settings))

    assert sorted(outcomes, key=attrgetter("file")) == [
        Outcome("a.csv", 2, 2, 0, 0, "ingested", None),
        Outcome("b.csv", 1, 1, 0, 0, "ingested", None),
    ]
    service.holds(first, second)
