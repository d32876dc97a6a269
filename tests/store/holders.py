"""Processes that hold leases, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.harness import ROOT

# Takes a lease, as a process of this machine or of another one. Then, for each line on stdin, it commits
# under the lease and prints what that came to.
HOLDER = """
import sys
from streaming.errors import CityFeaturesError
from streaming.settings import load
from streaming.store import lease
from streaming.store.store import Store
from tests.store.commits import commit

url, role, zone, machine, ttl = sys.argv[1:]
lease.MACHINE = machine or lease.MACHINE
lease.TTL = float(ttl)
held = lease.Lease(Store(url, load(_env_file=None, redis_url=url)), role, zone)
held.take()
print("held", flush=True)
for line in sys.stdin:
    if line == "take\\n":
        held.take()
    try:
        print(held.store.merge(commit(("Natal", "RN", "1.00", 1))), flush=True)
    except CityFeaturesError as error:
        print(type(error).__name__, flush=True)
"""

# Takes a lease so many times, and fails if another process has it at the same time.
TURNS = """
import sys
from streaming.settings import load
from streaming.store import lease
from streaming.store.store import Store

url, turns = sys.argv[1:]
lease.POLL = 0.01
store = Store(url, load(_env_file=None, redis_url=url))
for _ in range(int(turns)):
    with lease.Lease(store, "run", "/zone"):
        assert store.client.set("inside", "1", nx=True), "two at once"
        store.client.incr("turns")
        store.client.unlink("inside")
"""


class Process:
    """A process whose answers are read line by line."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._started = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._started.pid

    def ask(self, line: str) -> str:
        """Write a line to the process, and return its answer."""
        assert self._started.stdin is not None
        self._started.stdin.write(f"{line}\n")
        self._started.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """Return the next line that the process prints, but for those of its log."""
        assert self._started.stdout is not None
        return next(line for line in self._started.stdout if not line.startswith("20")).strip()

    def wait(self) -> int:
        """Return the exit code of the process."""
        return self._started.wait(60)

    def kill(self) -> None:
        """Kill the process, if it lives."""
        self._started.kill()
        self._started.communicate()


@contextmanager
def holding(
    url: str, role: str, zone: str = "", *, machine: str = "", ttl: float = 15
) -> Iterator[Process]:
    """Yield a process that has a lease; it is killed at the end."""
    process = Process(HOLDER, url, role, zone, machine, str(ttl))
    try:
        assert process.answer() == "held"
        yield process
    finally:
        process.kill()
