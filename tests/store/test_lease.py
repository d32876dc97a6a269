"""Leases on a real server: one holder at a time, and what becomes of one that is away."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from streaming.errors import LeaseLost, Stopped
from streaming.store import keys, lease, rebuild_namespace
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests.harness import dumped, until
from tests.store.commits import commit, values
from tests.store.holders import TURNS, Process, holding

ZONE = "/landing_zone"
COMMIT = commit(("Natal", "RN", "1.00", 1))
COMMITTED = ("1.00", "1", "1.00")


def test_processes_hold_a_lease_one_at_a_time(store: Store, server_url: str) -> None:
    processes = [Process(TURNS, server_url, "20") for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert store.client.get("turns") == b"80"
    assert store.client.exists(store.key(keys.lease(keys.RUN, "/zone"))) == 0


def test_a_killed_holder_of_another_machine_is_succeeded_within_30_s(
    store: Store, server_url: str
) -> None:
    with holding(server_url, keys.FOLLOW, ZONE, machine="another") as process:
        os.kill(process.pid, signal.SIGKILL)
        began = time.monotonic()
        with Lease(store, keys.FOLLOW, ZONE):
            assert 5 < time.monotonic() - began < 30


def test_a_killed_holder_of_this_machine_is_succeeded_at_once(store: Store, server_url: str) -> None:
    with holding(server_url, keys.FOLLOW, ZONE) as process:
        successor = Lease(store, keys.FOLLOW, ZONE)
        assert f"process {process.pid} on " in lease.described(successor.attempt())
        process.kill()
        assert successor.attempt() == ""
        successor.close()


def test_a_lease_is_renewed_for_as_long_as_it_is_held(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "TTL", 0.9)
    with Lease(store, keys.RUN, ZONE) as held:
        time.sleep(2)
        assert f"process {os.getpid()} on " in lease.described(Lease(store, keys.RUN, ZONE).attempt())
        assert held.store.merge(COMMIT) == 1
    assert not lease.is_held(store, keys.RUN, ZONE)


def test_the_wait_names_the_holder_once_and_a_stop_ends_it(store: Store, server_url: str) -> None:
    stop = threading.Event()
    with (
        holding(server_url, keys.RUN, ZONE) as process,
        capture_logs() as logs,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(Lease(store, keys.RUN, ZONE, stop).take)
        until(lambda: logs, what="the wait")
        time.sleep(3 * lease.POLL)
        stop.set()
        with pytest.raises(Stopped):
            waiting.result(30)
    (entry,) = logs
    assert entry["event"] == "another run has this landing zone: waiting for it"
    assert entry["holder"].startswith(f"process {process.pid} on ")


def test_a_paused_holder_that_comes_back_cannot_write(store: Store, server_url: str) -> None:
    """Nobody else took the lease or committed, so the version alone would let it."""
    key = store.key(keys.lease(keys.RUN, ZONE))
    with holding(server_url, keys.RUN, ZONE, ttl=1) as process:
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: not store.client.exists(key), what="the end of the lease")
        os.kill(process.pid, signal.SIGCONT)
        assert process.ask("commit") == "LeaseLost"
        assert (store.version(), store.client.exists("Natal")) == (0, 0)
        assert process.ask("take") == "1"
    assert values(store, "Natal") == COMMITTED


def test_a_paused_holder_that_was_succeeded_cannot_write(store: Store, server_url: str) -> None:
    with holding(server_url, keys.RUN, ZONE, ttl=1) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with Lease(store, keys.RUN, ZONE) as successor:
            os.kill(process.pid, signal.SIGCONT)
            assert process.ask("commit") == "LeaseLost"
            assert store.version() == 0
            assert successor.store.merge(COMMIT) == 1
        assert process.ask("take") == "Conflict"
    assert values(store, "Natal") == COMMITTED


def test_a_redis_flushed_while_a_lease_is_held_takes_no_commit_under_it(store: Store) -> None:
    with Lease(store, keys.RUN, ZONE) as held:
        store.client.flushall()
        with pytest.raises(LeaseLost, match="'ingest:lease:run:"):
            held.store.merge(COMMIT)
        assert store.client.dbsize() == 0
        held.take()
        assert held.store.merge(COMMIT) == 1
    assert values(store, "Natal") == COMMITTED


def test_a_rebuild_whose_lease_ran_out_does_not_switch(store: Store) -> None:
    store.merge(COMMIT)
    with Lease(store, keys.REBUILDING) as held:
        rebuilt = rebuild_namespace.begin(held.store, "x")
        rebuilt.merge(commit(("Natal", "RN", "5.00", 1)))
        before = dumped(store.client)
        held.close()
        before.pop(store.key(keys.lease(keys.REBUILDING, "")).encode())
        with pytest.raises(LeaseLost):
            rebuild_namespace.switch(held.store, rebuilt, store.position(), "x")
        with pytest.raises(LeaseLost):
            rebuilt.merge(commit(("Natal", "RN", "5.00", 1), expected=1))
        assert dumped(store.client) == before
        held.take()
        assert rebuild_namespace.switch(held.store, rebuilt, store.position(), "x") == (2, 1)
    assert values(store, "Natal") == ("5.00", "1", "5.00")


def test_no_batch_begins_during_a_rebuild_whoever_holds_its_lease(store: Store) -> None:
    with Lease(store, keys.RUN, ZONE) as held, ThreadPoolExecutor(1) as pool, capture_logs() as logs:
        with Lease(store, keys.REBUILDING):
            held.take()  # what is in hand may go on
            batch = pool.submit(held.take, for_batch=True)
            until(lambda: logs, what="the wait")
            assert held.store.merge(COMMIT) == 1
            assert not batch.done()
        batch.result(30)
    assert [entry["event"] for entry in logs] == ["a rebuild is under way: waiting for it"]
    assert store.keys(keys.LEASES) == set()


def test_who_works_on_a_landing_zone_is_named(store: Store) -> None:
    zones = (keys.FOLLOW, ZONE), (keys.RUN, "/another"), (keys.REBUILDING, "")
    with ExitStack() as stack:
        for role, zone in zones:
            stack.enter_context(Lease(store, role, zone))
        process = f"process {os.getpid()} on {socket.gethostname()}"
        assert lease.held(store, ZONE) == [f"follow: {process}", f"rebuild: {process}"]
    assert lease.held(store, ZONE) == []
