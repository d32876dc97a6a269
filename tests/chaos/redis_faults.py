"""Redis killed, full, read-only, paused, without its scripts, or with the keys of others."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import redis

from streaming.errors import KeyRefused, RedisRefused
from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.store import local_server
from streaming.store.store import Store
from tests.chaos.concurrency import Threads
from tests.chaos.world import Case, Difference, Rows, World
from tests.harness import dumped, row, until

KEYS: list[Callable[[World, str], object]] = [
    lambda world, key: world.redis.set(key, "mine"),
    lambda world, key: world.redis.rpush(key, "mine"),
    lambda world, key: world.redis.sadd(key, "mine"),
    lambda world, key: world.redis.zadd(key, {"mine": 1}),
    lambda world, key: world.redis.hset(key, mapping={"capital_social_total": "R$ 1,00"}),
]


def kills(world: World, count: int) -> Rows:
    """Kill the server so often under load; nothing acknowledged is lost, and the writer goes on."""
    ingest = Ingest(world.service.spark, world.service.store(), world.settings)
    stop = threading.Event()
    acknowledged: set[str] = set()

    def load() -> None:
        while not stop.is_set():
            name = world.put()
            file = local.stat_file(world.settings.landing_directory, name)
            assert file is not None
            acknowledged.update(outcome.file for outcome in ingest([file]))

    load_ = Threads(load)
    for done in range(count):
        time.sleep(world.random.uniform(0.05, 1))
        world.kill_server()
        known = set(acknowledged)
        world.start_server()
        world.redis.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")  # to look in peace
        if lost := known - world.zone.records().keys():
            raise Difference(f"acknowledged, and lost: {lost}")
        world.check()
        world.redis.execute_command("CLIENT", "UNPAUSE")
        if not load_.alive:
            load_.join()
        world.progress(done + 1, count)
    stop.set()
    load_.join()
    if lost := acknowledged - world.zone.records().keys():
        raise Difference(f"acknowledged, and lost: {lost}")
    world.service.run()
    world.complete(audit=True)
    summary = f"{len(acknowledged)} commits acknowledged, none lost; {world.told()}"
    return {"server killed under load (appendfsync always)": (count, summary)}


def memory(world: World, count: int) -> Rows:
    """Let memory run out in the middle of a run: refused, nothing half done, later completed."""
    refused = 0
    for done in range(count):
        for _ in range(4):
            world.put(world.rows(200))
        more = world.random.choice((None, world.random.randrange(20_000)))
        world.proxy.before(world.random.randint(1, 3), lambda more=more: _limit(world, more))  # type: ignore[misc]
        try:
            _run_over_the_wire(world)
        except RedisRefused as error:
            assert "memory" in str(error), error
            refused += 1
        world.proxy.calm()
        world.check()
        world.redis.config_set("maxmemory", 0)
        _run_over_the_wire(world)
        world.complete()
        world.progress(done + 1, count)
    assert refused >= count // 3, f"memory ran out only {refused} times"
    return {
        "memory of Redis runs out in the middle": (count, f"refused {refused} times; {world.told()}")
    }


def replica(world: World, count: int) -> Rows:
    """Run against a read-only replica: refused in a line, nothing written."""
    other = world.directory / "replica"
    url = local_server.url(other)
    client: Any = redis.Redis.from_url(url)
    try:
        client.replicaof("127.0.0.1", world.url.rpartition(":")[2].partition("/")[0])
        for done in range(count):
            until(lambda: client.info("replication")["master_link_status"] == "up", what="the link")
            world.put()
            before = dumped(world.redis)
            error = refused(world, redis_url=url)
            assert "replica" in error or "read only" in error, error
            assert dumped(world.redis) == before == dumped(client)
            world.service.run()
            world.complete()
            world.progress(done + 1, count)
    finally:
        local_server.stop(other)
    return {"read-only replica": (count, f"exit 1 with a line each time; {world.told()}")}


def keys(world: World, count: int) -> Rows:
    """Put something else under the name of a city: named, nothing written, counted once it is gone."""
    for done in range(count):
        city = f"Cidade {done}"
        key = world.random.choice((city, f"{city}/RN"))
        world.put([*world.rows(20), row(90_000_000 + done, "7.07", city, "RN")])
        KEYS[done % len(KEYS)](world, key)
        before = dumped(world.redis)
        try:
            world.service.run()
            raise Difference(f"key {key!r} was not refused")
        except KeyRefused as error:
            assert repr(key) in str(error), error
        assert dumped(world.redis) == before
        world.redis.delete(key)
        world.service.run()
        world.complete()
        world.progress(done + 1, count)
    return {"another kind of value under a city's name": (count, f"named each time; {world.told()}")}


def scripts(world: World, count: int) -> Rows:
    """Flush the server's scripts just before each batch."""
    flushed: list[int] = []
    for n in range(1, count + 1):
        world.put()
        world.proxy.before(n, lambda: flushed.append(world.redis.script_flush()))
    _run_over_the_wire(world)
    assert len(flushed) == count, flushed
    world.complete()
    return {"script cache flushed before each batch": (count, world.told())}


def paused(world: World, count: int) -> Rows:
    """Stop the server as it gets a batch, and let it go on later."""
    seconds = 10 if count > 1 else 2
    process = psutil.Process(int(world.redis.info("server")["process_id"]))

    def pause() -> None:
        process.send_signal(signal.SIGSTOP)
        threading.Timer(seconds, process.send_signal, [signal.SIGCONT]).start()

    for done in range(count):
        world.put()
        world.put()
        world.proxy.before(1, pause)
        began = time.monotonic()
        _run_over_the_wire(world)
        assert time.monotonic() - began > seconds
        world.complete()
        world.progress(done + 1, count)
    return {f"server paused {seconds} s": (count, world.told())}


def refused(world: World, *, redis_url: str | None = None) -> str:
    """Assert that a run, as a process, exits with 1 and one line that says why; return the line."""
    world.program.powerless = True
    try:
        done = world.program("run", code=1, timeout=300, REDIS_URL=redis_url or world.url)
    finally:
        world.program.powerless = False
    assert done.stdout == "", done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == errors[0], done.stderr
    return errors[0]


def _run_over_the_wire(world: World) -> None:
    world.service.settings = world.settings.model_copy(update={"max_files_per_trigger": 1})
    world.service.run(store=Store(world.proxy.url, world.service.settings))


def _limit(world: World, more: int | None) -> None:
    used = int(world.redis.info("memory")["used_memory"])
    world.redis.config_set("maxmemory", 1 if more is None else used + more)


CASES = [
    Case("redis-kills", "the server killed", kills, full=50, quick=3),
    Case("redis-memory", "no memory left", memory, full=20, quick=2),
    Case("redis-replica", "a read-only replica", replica, full=3, quick=1),
    Case("redis-keys", "keys of others", keys, full=20, quick=2),
    Case("redis-scripts", "scripts forgotten", scripts, full=30, quick=3),
    Case("redis-paused", "the server paused", paused, full=3, quick=1),
]
