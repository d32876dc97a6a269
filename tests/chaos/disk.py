"""Directories that cannot be read, written, or are full: told in a line, and nothing is lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chaos.redis_faults import refused
from tests.chaos.world import Case, Rows, World
from tests.harness import dumped

AS_ROOT = [] if os.getuid() == 0 else ["sudo", "-n"]
PAGE = 4096
SIZE = 256 * PAGE


def may_mount() -> bool:
    """Return whether file systems can be mounted here: as root, or through sudo without a password."""
    return not AS_ROOT or (
        shutil.which("sudo") is not None and not subprocess.call(["sudo", "-n", "true"])
    )


def landing_zone(world: World) -> str:
    """Take the right to read the landing zone."""
    world.settings.landing_directory.chmod(0)
    try:
        return refused(world)
    finally:
        world.settings.landing_directory.chmod(0o755)


def checkpoints(world: World) -> str:
    """Take the right to write the checkpoints."""
    with _read_only(world.settings.checkpoints):
        return refused(world)


def checkpoint(world: World) -> str:
    """Take the right to write in the checkpoint, where Spark comes upon it."""
    run = world.settings.checkpoints / "run"
    run.mkdir(exist_ok=True)
    with _read_only(run):
        return refused(world)


def full(world: World) -> str:
    """Leave no room for checkpoints, on a file system of their own."""
    with small(world.settings.checkpoints) as fill:
        fill(0)
        error = refused(world)
        fill(SIZE)
        world.program("run", timeout=300)  # before the file system goes
        return error


def nearly_full(world: World) -> str:
    """Leave room for a part of what Spark writes."""
    with small(world.settings.checkpoints) as fill:
        fill(world.random.randint(1, 7) * PAGE)
        error = refused(world)
        world.check()
        fill(SIZE)
        world.program("run", timeout=300)
        return error


@contextmanager
def _read_only(directory: Path) -> Iterator[None]:
    inside = [directory, *(path for path in directory.rglob("*") if path.is_dir())]
    for path in inside:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in inside:
            path.chmod(0o755)


@contextmanager
def small(directory: Path, size: int = SIZE) -> Iterator[Callable[[int], None]]:
    """Mount a small file system there; yield what fills it up to so many free bytes."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(directory)]
    subprocess.run([*AS_ROOT, *mount], check=True)
    filler = directory / ".filler"

    def fill(free: int) -> None:
        with filler.open("wb", buffering=0) as writer, suppress(OSError):
            while True:
                writer.write(bytes(PAGE))
        os.truncate(filler, max(0, filler.stat().st_size // PAGE * PAGE - free))

    try:
        yield fill
    finally:
        subprocess.run([*AS_ROOT, "umount", str(directory)], check=True)


FAULTS: dict[str, Callable[[World], str]] = {
    "landing zone unreadable": landing_zone,
    "checkpoints read-only": checkpoints,
    "checkpoint itself read-only": checkpoint,
    "checkpoints full": full,
    "checkpoints nearly full": nearly_full,
}


NOTHING_COUNTS = ("landing zone unreadable",)
"""Where a run ends before it reads anything; where only the stream fails, files count without it."""

QUICK = "landing zone unreadable", "checkpoints read-only", "checkpoints full"


def disk(world: World, count: int) -> Rows:
    """Try each fault so often; after mending the next run completes."""
    rows: Rows = {}
    faults = FAULTS if count > 1 else {name: fault for name, fault in FAULTS.items() if name in QUICK}
    faults = {name: fault for name, fault in faults.items() if "full" not in name or may_mount()}
    for number, (name, fault) in enumerate(faults.items()):
        for done in range(count):
            world.put()
            world.put()
            before = dumped(world.redis)
            error = fault(world)
            if name in NOTHING_COUNTS:
                assert dumped(world.redis) == before
            if "full" not in name:
                world.program("run", timeout=300) if count > 1 else world.service.run()
            world.complete()
            world.progress(number * count + done + 1, len(faults) * count)
        message = error.removeprefix("error: ").replace(str(world.directory), "…").replace("|", "/")
        rows[name] = count, f"exit 1, “{message}”; {world.told()}"
    return rows


CASES = [Case("disk", "directories that refuse", disk, full=3, quick=1)]
