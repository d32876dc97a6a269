"""State that is lost, old, copied or changed: checkpoints, Redis, files and their times."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.store import local_server
from streaming.store.store import Store
from tests.chaos.world import Case, Difference, Rows, World
from tests.harness import HOUR

DAY = 24 * HOUR


def _put_and_run(world: World, checkpoint: str = "run") -> None:
    for _ in range(world.random.randint(1, 3)):
        world.put()
    world.service.run(checkpoint)


def _checkpoint(world: World, name: str = "run") -> Path:
    return world.settings.checkpoints / name


def checkpoint_deleted(world: World) -> None:
    """Delete the checkpoint between two runs."""
    _put_and_run(world)
    shutil.rmtree(_checkpoint(world))
    _put_and_run(world)


def checkpoint_restored(world: World) -> None:
    """Put an earlier copy of the checkpoint back."""
    _put_and_run(world)
    earlier = world.directory / "earlier"
    shutil.copytree(_checkpoint(world), earlier)
    _put_and_run(world)
    shutil.rmtree(_checkpoint(world))
    earlier.rename(_checkpoint(world))
    _put_and_run(world)


def checkpoint_copied(world: World) -> None:
    """Go on with a copy of the checkpoint at another path, then with the one left behind."""
    _put_and_run(world)
    shutil.rmtree(_checkpoint(world, "copy"), ignore_errors=True)
    shutil.copytree(_checkpoint(world), _checkpoint(world, "copy"))
    _put_and_run(world, "copy")
    world.complete()
    _put_and_run(world)


def redis_flushed(world: World) -> None:
    """Flush Redis."""
    _put_and_run(world)
    world.check()
    world.redis.flushall()
    world.forget()
    _put_and_run(world)


def redis_restored(world: World) -> None:
    """Stop the server, put an earlier copy of its directory back, start it."""
    data, earlier = world.directory / "redis", world.directory / "earlier"
    _put_and_run(world)
    world.check()
    counted = world.counted
    local_server.stop(data)
    shutil.copytree(data, earlier)
    world.start_server()
    _put_and_run(world)
    world.check()
    local_server.stop(data)
    shutil.rmtree(data)
    earlier.rename(data)
    world.start_server()
    world.forget(since=counted)
    world.check()
    _put_and_run(world)


def both_lost(world: World) -> None:
    """Lose Redis and the checkpoint."""
    _put_and_run(world)
    world.check()
    world.redis.flushall()
    world.forget()
    shutil.rmtree(_checkpoint(world))
    world.service.run()


def overwritten(world: World) -> None:
    """Overwrite a file in place with all its rows and more."""
    rows = world.rows(20, alter=0)
    name = world.put(rows)
    world.put(world.rows(20, alter=0))
    world.service.run()
    world.check()
    world.put([*rows, *world.rows(10, alter=0)], name=name)
    world.service.run()


def changed_before_commit(world: World) -> None:
    """Put other rows under a file's name after it was read, before its batch is committed."""
    name = world.put(world.rows(20, repeat=0))  # what repeats is read again, and would be noticed then
    world.put()
    _at_ledger(world, lambda: world.put(world.rows(7), name=name))


def refilled_before_commit(world: World) -> None:
    """Flush Redis and fill it up to the same number of commits, before a batch is committed."""
    _put_and_run(world)
    world.check()
    name = world.put()
    world.put()
    version = int(world.redis.get("ingest:version"))
    other = Ingest(world.service.spark, world.service.store(), world.settings)

    def refill() -> None:
        world.redis.flushall()
        world.forget()
        others = sorted(world.contents.keys() - {name})
        for path in [name, *others][:version]:
            file = local.stat_file(world.settings.landing_directory, path)
            assert file is not None
            other([file])
        assert int(world.redis.get("ingest:version")) == version

    world.proxy.before(1, refill)
    world.service.run(store=Store(world.proxy.url, world.settings))


def deleted_before_commit(world: World) -> None:
    """Delete a file after it was read, before its batch is committed."""
    _delete(world, _at_ledger)


def deleted_before_reading(world: World) -> None:
    """Delete a file after Spark discovered it, before it is read."""
    _delete(world, _at_records)


def old(world: World) -> None:
    """Put files of eight days ago after new ones."""
    _put_and_run(world)
    world.check()
    for _ in range(2):
        world.put(mtime=time.time() - 8 * DAY - world.random.randrange(1000))
    _put_and_run(world)


def future(world: World) -> None:
    """Put files of next month, then usual ones."""
    world.put(mtime=time.time() + 30 * DAY + world.random.randrange(1000))
    _put_and_run(world)
    world.check()
    _put_and_run(world)


def equal(world: World) -> None:
    """Put files that are all of the same time."""
    same = time.time() - DAY
    for _ in range(2):
        for _ in range(3):
            world.put(mtime=same)
        world.service.run()
        world.check()


def _delete(world: World, when: Callable[[World, Callable[[], object]], None]) -> None:
    world.put()
    name = world.put(world.rows(20, repeat=0))
    world.put()
    when(world, (world.settings.landing_directory / name).unlink)
    del world.contents[name]
    if name in world.zone.records():
        raise Difference(f"{name} was counted, and is gone")


def _at_records(world: World, act: Callable[[], object]) -> None:
    """Run, and act when the batch asks for the records of its files: found, not read yet."""
    world.proxy.once("MGET", lambda: world.proxy.once("HMGET", act))
    world.service.run(store=Store(world.proxy.url, world.settings))


def _at_ledger(world: World, act: Callable[[], object]) -> None:
    """Run, and act when the batch asks for the ledger: read, not committed yet."""
    _at_records(world, lambda: world.proxy.once("MGET", act))


FAULTS: dict[str, Callable[[World], None]] = {
    "checkpoint deleted": checkpoint_deleted,
    "checkpoint restored from an earlier copy": checkpoint_restored,
    "checkpoint copied to another path, both used": checkpoint_copied,
    "Redis flushed": redis_flushed,
    "Redis restored from an earlier append-only file": redis_restored,
    "Redis and checkpoint lost": both_lost,
    "file overwritten in place with more rows": overwritten,
    "file changed between reading and commit": changed_before_commit,
    "Redis flushed and filled again between reading and commit": refilled_before_commit,
    "file deleted between reading and commit": deleted_before_commit,
    "file deleted between discovery and reading": deleted_before_reading,
    "files eight days old after newer ones": old,
    "files of the future": future,
    "files all of the same time": equal,
}


def state(world: World, count: int) -> Rows:
    """Try each fault so often, in a world of its own."""
    rows: Rows = {}
    for number, (name, fault) in enumerate(FAULTS.items()):
        own = World(world.directory / str(number), world.seed + number, audited=world.audited)
        try:
            for done in range(count):
                fault(own)
                own.complete()
                world.progress(number * count + done + 1, len(FAULTS) * count)
            own.audit()
        finally:
            own.end()
        rows[name] = count, own.told()
    return rows


CASES = [Case("state", "state lost, old, copied or changed", state, full=10, quick=1)]
