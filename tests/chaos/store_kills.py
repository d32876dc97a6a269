"""Runs that are killed at each step of the archive in a bucket."""

import threading
import time
from collections.abc import Callable

from tests import object_store
from tests.chaos.store_world import StoreWorld
from tests.chaos.world import Case, Rows, World
from tests.store_proxy import Fault

WAIT = 300
Kill = Callable[[], None]


def before_copy(world: StoreWorld, kill: Kill) -> None:
    """Before the store gets a copy."""
    world.proxy.add(Fault("PUT", 1, act=kill, lost="before", header="x-amz-copy-source"))


def after_copy(world: StoreWorld, kill: Kill) -> None:
    """When the store has a copy, and nobody was told."""
    world.proxy.add(Fault("PUT", 1, act=kill, lost="after", header="x-amz-copy-source"))


def before_look(world: StoreWorld, kill: Kill) -> None:
    """Before the copy and its object are looked at."""
    world.proxy.add(Fault("HEAD", 1, act=kill, lost="before"))


def before_record(world: StoreWorld, kill: Kill) -> None:
    """Before Redis gets the script that moves the records."""
    world.redis_proxy.before(1, kill, instead=True)


def after_record(world: StoreWorld, kill: Kill) -> None:
    """When the records have moved, and nobody was told."""
    world.redis_proxy.swallow(1, act=kill)


def before_rejected(world: StoreWorld, kill: Kill) -> None:
    """While the rejected rows move: the new ones are there, the old ones too."""
    world.proxy.add(Fault("POST", 1, act=kill, lost="before", target=r"[?]delete"))


def before_removal(world: StoreWorld, kill: Kill) -> None:
    """Before the store gets the removal of a landed object."""
    world.proxy.add(Fault("DELETE", 1, act=kill, lost="before", header="if-match"))


def after_removal(world: StoreWorld, kill: Kill) -> None:
    """When a landed object is gone, and nobody was told."""
    world.proxy.add(Fault("DELETE", 1, act=kill, lost="after", header="if-match"))


STEPS: dict[str, Callable[[StoreWorld, Kill], None]] = {
    "before the copy": before_copy,
    "after the copy": after_copy,
    "before the look at the copy": before_look,
    "before the record moves": before_record,
    "after the record moved": after_record,
    "while the rejected rows move": before_rejected,
    "before the removal": before_removal,
    "after the removal": after_removal,
}


def kills(world: World, count: int) -> Rows:
    """Kill so many runs at each step of the archive; the next one goes on from there."""
    rows: Rows = {}
    with object_store.running() as started:
        for number, (name, step) in enumerate(STEPS.items()):
            own = StoreWorld(world, started)
            checks = world.checks
            try:
                for done in range(count):
                    _counted(own)  # without an archive: what a killed run began to move stays so
                    own.check(moving=done > 0)
                    _killed(own, step)
                    own.check(moving=True)
                    world.progress(number * count + done + 1, len(STEPS) * count)
                own.finish()
            finally:
                own.end()
            found = f"0 differences in {world.checks - checks} comparisons and audits"
            rows[f"archive killed {name}"] = count, f"{found}; {len(own.owed)} files"
    return rows


def _counted(world: StoreWorld) -> None:
    """Have some files counted, and left where they landed."""
    for number in range(3):
        world.put(rejected=number)
    world.run(ARCHIVE="off")


def _killed(world: StoreWorld, step: Callable[[StoreWorld, Kill], None]) -> None:
    """Start a run that archives, and kill it at a step."""
    killed = threading.Event()

    def kill() -> None:
        program.kill(started)
        killed.set()

    step(world, kill)
    program = world.program
    started = program.start("run")
    deadline = time.monotonic() + WAIT
    while not killed.wait(0.05):
        if started.poll() is not None and not killed.wait(5):
            raise AssertionError(f"the run ended before the step came: {started.communicate()}")
        assert time.monotonic() < deadline, f"the step did not come within {WAIT} s"
    world.proxy.calm()
    world.redis_proxy.calm()
    program.end()


CASES = [Case("store-kills", "SIGKILL at each step of the archive in a bucket", kills, full=20, quick=1)]
