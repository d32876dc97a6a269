"""
Power loss: what was not flushed to disk is gone, which a SIGKILL never does.

Landing zone, archive, quarantine, checkpoints and the server's append-only file lie on file systems that
are shut down by the kernel in the middle of the work, and mounted again.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from streaming.store.store import Store
from tests.chaos.disk import may_mount
from tests.chaos.machine import LAYOUTS, Machine
from tests.chaos.world import Case, Difference, Rows, World
from tests.harness import until


def dropped(machine: Machine) -> None:
    """Right after `drop` said that the file is safe."""
    machine.put()
    machine.lose_power()
    machine.start()
    if missing := machine.dropped.keys() - machine.files().keys():
        raise Difference(f"dropped, and gone: {sorted(missing)}")


def ended(machine: Machine) -> None:
    """Right after a run said that it counted and archived the files."""
    machine.put()
    machine.send()
    machine.service.run()
    machine.lose_power()
    machine.start()


def forgotten(machine: Machine) -> None:
    """Right after a run whose Redis flushes once a second; the archive's disk kept what Redis lost."""
    machine.forgetful = True
    machine.put()
    machine.send()
    machine.world.redis.config_set("appendfsync", "everysec")
    machine.service.run()
    for volume in machine.volumes:
        if volume.at.name != "redis":
            volume.flush()
    machine.lose_power()
    machine.start()


def torn(machine: Machine) -> None:
    """Right after a run; of the last command in the append-only file only a part reached the disk."""
    machine.forgetful = True
    machine.put()
    machine.send()
    machine.service.run()
    machine.lose_power()
    machine.start(torn=True)


def before_script(machine: Machine) -> None:
    """When the files were read, and the commit is about to be sent."""
    _at_script(machine, lambda act: machine.world.proxy.before(1, act))


def after_script(machine: Machine) -> None:
    """In the instant after the commit was acknowledged."""
    _at_script(machine, lambda act: machine.world.proxy.after(1, act))


def records_moved(machine: Machine) -> None:
    """In the instant after records moved to the archive, before their files do."""
    _at_script(machine, lambda act: machine.world.proxy.after(2, act))


def archiving(machine: Machine) -> None:
    """At a random moment while files are moved to the archive, or Spark notes its commit."""
    seconds = machine.world.random.uniform(0, 0.1)

    def later(act: Callable[[], object]) -> None:
        machine.world.proxy.after(2, threading.Timer(seconds, act).start)

    _at_script(machine, later)


def _at_script(machine: Machine, choose: Callable[[Callable[[], object]], None]) -> None:
    """Run, and lose power at the chosen moment; what the run says afterwards, nobody hears."""
    for _ in range(2):
        machine.put()
    machine.send()
    lost = threading.Event()

    def lose() -> None:
        machine.lose_power()
        lost.set()

    world = machine.world
    choose(lose)
    with suppress(Exception):  # whatever fails first on a dead disk
        machine.service.run(store=Store(world.proxy.url, world.settings, retries=0))
    until(lost.is_set, what="the moment")
    world.proxy.calm()
    world.proxy.cut()
    machine.start()


MOMENTS: dict[str, Callable[[Machine], None]] = {
    "after a drop": dropped,
    "after a run": ended,
    "before the commit": before_script,
    "after the commit": after_script,
    "after the records moved to the archive": records_moved,
    "while files move to the archive": archiving,
    "after a run, Redis flushing once a second": forgotten,
    "after a run, the last command cut": torn,
}
FORGETFUL = list(MOMENTS)[-2:]


def power(world: World, count: int) -> Rows:
    """Cut the power so often at each moment, on each layout of disks."""
    rows: Rows = {}
    layouts = list(LAYOUTS) if world.audited else ["Redis on a disk of its own"]
    for number, layout in enumerate(layouts if may_mount() else ()):
        began = time.monotonic()
        directory = world.directory / str(number)
        machine = Machine(directory, layout, world.seed + number, audited=world.audited)
        try:
            moments = [name for name in MOMENTS for _ in range(count)]
            machine.world.random.shuffle(moments)
            moments.sort(key=lambda name: name in FORGETFUL)
            for done, name in enumerate(moments):
                MOMENTS[name](machine)
                machine.run()
                machine.check(name)
                world.progress(number * len(moments) + done + 1, len(layouts) * len(moments))
            machine.world.audit()
        finally:
            machine.end()
        audited = f", {machine.world.audits} audits" if machine.world.audits else ""
        rows[f"power lost at {len(MOMENTS)} moments: {layout}"] = (
            machine.losses,
            f"0 differences in {machine.losses} comparisons{audited}; {len(machine.dropped)} files, "
            f"none lost; {time.monotonic() - began:.0f} s",
        )
    return rows


CASES = [Case("power", "power lost, not only processes killed", power, full=1, quick=1)]
