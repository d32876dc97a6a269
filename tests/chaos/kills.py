"""The real process and all it started, killed at chosen moments; the next run recovers the former."""

import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.chaos.world import Case, Rows, World
from tests.harness import session_of

BIG = 150_000
WAIT = 300
Started = subprocess.Popen[str]


class Killer:
    """Starts runs, and kills each at a moment."""

    def __init__(self, world: World, count: int) -> None:
        self.world = world
        self.count = count
        self.big = BIG if count > 5 else BIG // 2
        self.uncommitted = 0
        """After how many kills Spark had not noted as done what Redis holds."""

    def settling(self) -> None:
        """While a file is being written, and all the others are counted."""
        world = self.world
        rows = world.rows(30)
        name = world.put(rows, hidden=True)
        path = world.settings.landing_directory / name
        content = world.contents.pop(name)
        with path.open("w") as writer:
            writer.write(content[: len(content) // 2])
            writer.flush()
            started = self._start(settle="60")
            others = world.contents.keys()
            self._wait(started, lambda: others <= world.zone.records().keys())
            time.sleep(world.random.uniform(0, 0.3))
            self._alive(started)
            world.program.kill(started)
            assert name not in world.zone.records(), f"{name} was counted while being written"
            writer.write(content[len(content) // 2 :])
        world.contents[name] = content
        world.zone.put(name, content, mtime=time.time() - 60)

    def reading(self) -> None:
        """While a Python worker has a file of the landing zone open."""
        world = self.world
        # Many rows of few companies: long to read, and quick to count.
        rows = world.rows(200, alter=0)
        name = world.put(rows * (self.big // 200))
        target = str(world.settings.landing_directory / name)
        started = self._start()
        self._wait(started, lambda: _opened(session_of(started.pid), target))
        world.program.kill(started)
        assert name not in world.zone.records(), f"{name} was counted before it was read"

    def before_script(self) -> None:
        """When Redis is about to get the script, and does not."""
        self._at_script(lambda which, act: self.world.proxy.before(which, act, instead=True))

    def reply_lost(self) -> None:
        """When Redis ran the script, and nobody was told."""
        self._at_script(lambda which, act: self.world.proxy.swallow(which, act=act))

    def before_commit(self) -> None:
        """In the instant after the run was told, before Spark notes the batch as done."""
        # One script for all files, so that it is the last one before the commit.
        self._at_script(self.world.proxy.after, latest=1, files="2000")
        checkpoint = self.world.settings.checkpoints / "run"
        self.uncommitted += _last(checkpoint / "offsets") > _last(checkpoint / "commits")

    def committed(self) -> None:
        """When Spark noted a batch as done."""
        commits = self.world.settings.checkpoints / "run" / "commits"
        before = _last(commits)
        started = self._start()
        self._wait(started, lambda: _last(commits) > before)
        self.world.program.kill(started)

    def _at_script(
        self,
        choose: Callable[[int, Callable[[], None]], None],
        *,
        latest: int = 2,
        files: str = "2",
    ) -> None:
        came, killed = threading.Event(), threading.Event()

        def kill() -> None:
            came.set()
            self.world.program.kill(started)
            killed.set()

        started = self._start(files=files)
        choose(self.world.random.randint(1, latest), kill)
        self._wait(started, came.is_set)
        assert killed.wait(WAIT), "the kill did not end"

    def _start(self, *, settle: str = "0.2", files: str = "2") -> Started:
        return self.world.program.start(
            "run",
            REDIS_URL=self.world.proxy.url,
            MAX_FILES_PER_TRIGGER=files,
            SETTLE_SECONDS=settle,
        )

    def _wait(self, started: Started, came: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT
        while not came():
            self._alive(started, came)
            assert time.monotonic() < deadline, f"the moment did not come within {WAIT} s"
            time.sleep(0.005)

    def _alive(self, started: Started, came: Callable[[], object] = lambda: False) -> None:
        if started.poll() is not None and not came():
            out, err = started.communicate()
            raise AssertionError(f"the run ended before the moment came: {out}\n{err}")


def _last(log: Path) -> int:
    """Return the number of the last batch in one of Spark's logs."""
    with suppress(FileNotFoundError):
        return max((int(p.name) for p in log.iterdir() if re.fullmatch(r"\d+", p.name)), default=-1)
    return -1


def _opened(pids: list[int], target: str) -> bool:
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) == target:
                        return True
    return False


MOMENTS: dict[str, Callable[[Killer], None]] = {
    "killed while a file is being written": Killer.settling,
    "killed while a worker reads a file": Killer.reading,
    "killed before Redis gets the script": Killer.before_script,
    "killed after the script, its reply lost": Killer.reply_lost,
    "killed after the reply, before Spark commits": Killer.before_commit,
    "killed after Spark's commit": Killer.committed,
}


def kills(world: World, count: int) -> Rows:
    """Kill so many runs at each moment, in any order; after each, Redis is whole."""
    killer = Killer(world, count)
    moments = [name for name in MOMENTS for _ in range(count)]
    world.random.shuffle(moments)
    began = time.monotonic()
    backlog: Counter[str] = Counter()
    for done, name in enumerate(moments):
        for _ in range(world.random.randint(3, 5)):
            world.put()
        MOMENTS[name](killer)
        world.proxy.calm()
        world.check()
        backlog[name] += len(world.contents) - len(world.zone.records())
        world.progress(done + 1, len(moments))
    world.program("run", timeout=300)
    world.complete(audit=True)
    rows = {
        name: (count, f"{count} kills, Redis whole after each; {backlog[name]} files left to later runs")
        for name in MOMENTS
    }
    name = "killed after the reply, before Spark commits"
    rows[name] = count, f"{rows[name][1]}; Spark's commit was absent after {killer.uncommitted}"
    rows["all of them, then a run to the end"] = (
        len(moments),
        f"{world.told()}; {time.monotonic() - began:.0f} s",
    )
    return rows


CASES = [
    Case("kills", "SIGKILL of the process group, runs chained", kills, full=20, quick=1),
]
