"""Many movers of one bucket at once, all of them mortal."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streaming.errors import CityFeaturesError, Conflict
from streaming.landing.bucket import Bucket
from streaming.landing.opening import Changed
from streaming.pipeline import bucket_archive
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store.store import Store
from tests import landed
from tests.harness import until
from tests.pipeline.bucket.moves import Killed, count, dying, paths


@pytest.mark.parametrize("seed", [1])
def test_movers_that_die_everywhere_lose_nothing(
    settings: Settings, store: Store, bucket: Bucket, seed: int
) -> None:
    """Two movers, each step deadly; a writer overwrites six names; a reader counts what waits."""
    world = World(settings, bucket, random.Random(seed))

    world.live()

    assert world.errors == []
    held = {path: landed.of(settings).content(path) for path in paths(settings)}
    for path, record in store.records().items():
        if path in held:
            assert held[path] == world.counted[bucket_archive.version(record.file(path))], path
    for name, content in world.written.items():
        assert content in held.values(), name
    assert waiting(settings, store) == []


class World:
    """Writers, movers and a reader of one bucket, all at once."""

    def __init__(self, settings: Settings, bucket: Bucket, dice: random.Random) -> None:
        self.settings, self.bucket, self.dice = settings, bucket, dice
        self.written: dict[str, bytes] = {}
        self.counted: dict[bucket_archive.Version, bytes] = {}
        self.deaths = self.moved = 0
        self.errors: list[str] = []
        self._deadly = True
        self._stop = threading.Event()

    def live(self) -> None:
        """Let all of them go on until many died and many moved, then end what was begun."""
        work = (self._write, self._sweep, self._sweep, self._read)
        threads = [threading.Thread(target=self._until_end, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        until(lambda: self.errors or (self.deaths > 20 and self.moved > 20), 60)
        self._stop.set()
        for thread in threads:
            thread.join()
        self._deadly = False
        for _ in range(3):
            self._read()
            self._sweep()

    def _until_end(self, work: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                work()
            except CityFeaturesError as error:
                self.errors.append(str(error))
                return

    def _write(self) -> None:
        name = f"{self.dice.randrange(6)}.csv"
        content = f"{name} {time.time_ns()}".encode()
        self.bucket.store.put(name, content)
        self.written[name] = content
        time.sleep(self.dice.random() / 50)

    def _sweep(self) -> None:
        store = Store(str(self.settings.redis_url.get_secret_value()), self.settings)  # type: ignore[union-attr]
        try:
            self.moved += dying(self.settings, store, self.bucket, self._dies).sweep()
        except Killed:
            self.deaths += 1

    def _dies(self, _: str) -> None:
        if self._deadly and self.dice.random() < 0.1:
            raise Killed

    def _read(self) -> None:
        store = Store(str(self.settings.redis_url.get_secret_value()), self.settings)  # type: ignore[union-attr]
        for file in waiting(self.settings, store):
            try:
                with self.bucket.opened(file) as descriptor:
                    content = Path(f"/proc/self/fd/{descriptor}").read_bytes()
                if self.bucket.look([file.path]) == {file.path: file}:
                    self.counted[bucket_archive.version(file)] = content
                    count(store, file)
            except (Changed, Conflict):
                continue
