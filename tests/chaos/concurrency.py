"""Several at once: writers beside a query that is restarted, and runs beside runs."""

import threading
import time
from collections.abc import Callable

from streaming.pipeline.stream import Stream
from tests.chaos.world import Case, Rows, World
from tests.harness import lease_of_its_own

ROWS = 100
FOLLOWED = 100
KINDS = [(2, True), (2, False), (4, True), (4, False)]


class Threads:
    """Threads whose errors are not lost."""

    def __init__(self, *work: Callable[[], object]) -> None:
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._do, args=(task,), daemon=True) for task in work]
        for thread in self._threads:
            thread.start()

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self._failed.append(error)

    @property
    def alive(self) -> bool:
        """Whether any still works."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self, seconds: float = 300) -> None:
        """Wait for all of them, and raise what any raised."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(deadline - time.monotonic())
        if self._failed:
            raise self._failed[0]
        assert not self.alive, f"did not end within {seconds} s"


def follow(world: World, count: int) -> Rows:
    """Restart a following query so often, at any moment, while two writers rename files in."""
    number = FOLLOWED if count >= 30 else count * 4
    pause = count * 1.2 / number
    chance = world.random

    def write(files: int) -> None:
        for _ in range(files):
            with write_lock:
                rows = world.rows(ROWS)
                wait = chance.uniform(0, 2 * pause)
            world.put(rows)
            time.sleep(wait)

    write_lock = threading.Lock()
    service = world.service
    settings = world.settings.model_copy(update={"reconcile_seconds": 1.0, "max_files_per_trigger": 3})
    writers = Threads(lambda: write(number // 2), lambda: write(number - number // 2))
    restarts = 0
    while restarts < count or writers.alive:
        stop = threading.Event()
        lease = lease_of_its_own(service.store(), stop)
        query = Stream(service.spark, lease, settings, stop, lambda outcomes: None)
        following = Threads(lambda query=query: query.follow(settings.checkpoints / "follow"))  # type: ignore[misc]
        with write_lock:
            wait = chance.uniform(0.1, 2)
        time.sleep(wait)
        stop.set()
        following.join(60)
        lease.close()
        restarts += 1
        world.check()
        world.progress(min(restarts, count), count)
    writers.join()
    service.run()
    world.complete(audit=True)
    summary = f"{restarts} restarts, {number * ROWS:,} rows in {number} files; {world.told()}"
    return {"a following query restarted while two writers rename files in": (restarts, summary)}


def threads(world: World, count: int) -> Rows:
    """Let two and four runs at once ingest the same files, on one checkpoint and on several."""
    service = world.service
    service.settings = world.settings.model_copy(update={"max_files_per_trigger": 1})
    rows: Rows = {}
    for kind, (runs, same) in enumerate(KINDS):
        began, commits = time.monotonic(), 0
        for done in range(count):
            _some(world)
            version = int(world.redis.get("ingest:version") or 0)
            names = ["run" if same else f"run{n}" for n in range(runs)]
            Threads(*[lambda name=name: service.run(name) for name in names]).join()
            world.complete()
            commits += int(world.redis.get("ingest:version")) - version
            world.progress(kind * count + done + 1, len(KINDS) * count)
        summary = f"{commits} commits; {world.told()}; {time.monotonic() - began:.0f} s"
        rows[f"{_kind(runs, same)}, in one process"] = count, summary
    world.audit()
    return rows


def processes(world: World, count: int) -> Rows:
    """The same with processes."""
    rows: Rows = {}
    kinds = KINDS if count > 1 else KINDS[:2]
    for kind, (runs, same) in enumerate(kinds):
        began = time.monotonic()
        for done in range(count):
            _some(world)
            started = [
                world.program.start(
                    "run",
                    CHECKPOINTS=str(world.directory / ("run" if same else f"run{n}")),
                    MAX_FILES_PER_TRIGGER="1",
                )
                for n in range(runs)
            ]
            ended = [(*s.communicate(timeout=300), s.returncode) for s in started]
            assert [code for *_, code in ended] == [0] * runs, ended
            world.complete()
            world.progress(kind * count + done + 1, len(kinds) * count)
        summary = f"{world.told()}; {time.monotonic() - began:.0f} s"
        rows[f"{_kind(runs, same)}, as processes"] = count, summary
    world.audit()
    return rows


def _some(world: World) -> None:
    for _ in range(world.random.randint(2, 4)):
        world.put()


def _kind(runs: int, same: bool) -> str:
    return f"{runs} runs at once on {'the same checkpoint' if same else 'checkpoints of their own'}"


CASES = [
    Case("follow", "Spark's stress test", follow, full=30, quick=4),
    Case("runs", "runs at once, in one process", threads, full=50, quick=1),
    Case("runs-processes", "runs at once, as processes", processes, full=3, quick=1),
]
