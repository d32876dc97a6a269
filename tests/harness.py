"""What tests drive from outside: a service on a real server, and the program as processes."""

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import redis
from pyroaring import BitMap64
from pyspark.sql import SparkSession

from streaming import locks
from streaming.domain.results import Outcome
from streaming.pipeline.stream import Stream
from streaming.settings import Settings
from streaming.store import keys
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests import landed, oracle
from tests.inside import Inside

ROOT = Path(__file__).parents[1]
HOUR = 3600
Content = Sequence[oracle.Row] | str | bytes

HANG = 300.0
"""Seconds after which a command hangs; on a machine with other work it may take a minute."""
CAPITAL = ("capital_social_total", "capital_social_medio")
LOADED = 4
"""How many times longer a machine with other work may take."""


def row(number: int, capital: str = "100.00", cidade: str = "Natal", estado: str = "RN") -> oracle.Row:
    """Return a row that fits: the company of this number, wherever and with whatever capital."""
    cnpj = f"{number:08d}000100"
    return (cnpj, "2025-07-28T09:00:00Z", cidade, estado, capital)


class Zone:
    """
    A landing zone, and what Redis holds of it.

    Files get times one second apart in the order they are put, so that first and later are certain.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.landed = landed.of(settings)
        # Typed loosely: the client's stubs do not know that replies are bytes here.
        self.redis: Any = redis.Redis.from_url(url, decode_responses=False)
        self._mtime = time.time() - HOUR

    def put(self, name: str, content: Content, *, mtime: float | None = None) -> str:
        """Write a file whole, under a hidden name first; return its content as text."""
        self._mtime += 1
        mtime = self._mtime if mtime is None else mtime
        data = content if isinstance(content, str | bytes) else oracle.text(content)
        data = data.encode() if isinstance(data, str) else data
        written = gzip.compress(data) if name.endswith(".gz") and data[:2] != b"\x1f\x8b" else data
        self.landed.put(name, written, mtime)
        return data.decode(errors="replace")

    def store(self) -> Store:
        """Return the service's own view of Redis."""
        assert self.settings.redis_url is not None
        return Store(self.settings.redis_url.get_secret_value(), self.settings)

    def features(self) -> dict[str, tuple[str, str, str]]:
        """Return key → (total, companies, mean) of cities and municipalities, as clients see them."""
        features: dict[str, tuple[str, str, str]] = {}
        for key, values in self.hashes().items():
            if ":" not in key:
                assert set(values) - {"codigo_ibge"} == {
                    "capital_social_total",
                    "quantidade_empresas",
                    "capital_social_medio",
                    "atualizado_em",
                }, (key, values)
                features[key] = (
                    values["capital_social_total"],
                    values["quantidade_empresas"],
                    values["capital_social_medio"],
                )
        return features

    def levels(self) -> oracle.Hashes:
        """Return the fields of states, country, months and bands, but for when they last changed."""
        return {
            key: {name: value for name, value in values.items() if name != "atualizado_em"}
            for key, values in self.hashes().items()
            if ":" in key
        }

    def hashes(self) -> oracle.Hashes:
        """Return the fields of every hash but that of the files."""
        prefix = self.settings.feature_prefix
        hashes = {}
        for name in self.redis.scan_iter(_type="hash"):
            key = name.decode().removeprefix(prefix)
            if key != "ingest:files":
                fields = self.redis.hgetall(name).items()
                hashes[key] = {field.decode(): value.decode() for field, value in fields}
        return hashes

    def rankings(self) -> dict[str, dict[str, float]]:
        """Return the members with their scores of every sorted set."""
        prefix = self.settings.feature_prefix
        return {
            name.decode().removeprefix(prefix): {
                member.decode(): score
                for member, score in self.redis.zrange(name, 0, -1, withscores=True)
            }
            for name in self.redis.scan_iter(_type="zset")
        }

    def records(self) -> dict[str, dict[str, Any]]:
        """Return path → record, as any client of Redis sees them."""
        records = self.redis.hgetall(f"{self.settings.feature_prefix}ingest:files")
        return {os.fsdecode(path): json.loads(value) for path, value in records.items()}

    def conserved(self) -> None:
        """Assert that no row went missing, and that the ledger and every level agree."""
        for path, r in self.records().items():
            assert r["read"] == r["new"] + r["duplicates"] + r["rejected"], (path, r)
        prefix = self.settings.feature_prefix
        blocks = [self.redis.get(key) for key in self.redis.scan_iter(f"{prefix}ledger:*")]
        counted = sum(len(BitMap64.deserialize(block)) for block in blocks)
        features = self.features()
        assert sum(int(f[1]) for key, f in features.items() if "/" not in key) == counted
        assert sum(int(f[1]) for key, f in features.items() if "/" in key) == counted
        levels = self.levels()
        for level in ("estado:", "pais:", "mensal:estado:", "mensal:pais:", "faixas:"):
            of = [fields.items() for key, fields in levels.items() if key.startswith(level)]
            numbers = [int(n) for fields in of for name, n in fields if not name.endswith(CAPITAL)]
            assert sum(numbers) == counted, level

    def holds(self, *files: str) -> None:
        """Assert that Redis holds exactly what these files, in this order, add up to."""
        count = oracle.count(files)
        assert self.features() == count.features()
        assert self.levels() == count.levels()
        assert self.rankings() == (count.rankings() if count.companies else {})
        self.conserved()


class Service(Zone):
    """One service: its landing zone, its runs and what Redis holds afterwards."""

    def __init__(self, spark: SparkSession, settings: Settings, url: str) -> None:
        super().__init__(settings, url)
        self.spark = spark

    def run(self, checkpoint: str = "run", store: Store | None = None) -> list[Outcome]:
        """Run once over all there is, as `city-features run` does, in this process."""
        outcomes: list[Outcome] = []
        store = store or self.store()
        with (
            locks.checkpoint(self.settings, checkpoint, threading.Event()) as directory,
            closing(lease_of_its_own(store)) as lease,
        ):
            query = Stream(self.spark, lease, self.settings, threading.Event(), outcomes.extend)
            query.run_available(directory)
        return outcomes


def lease_of_its_own(store: Store, stop: threading.Event | None = None) -> Lease:
    """Return a lease that no other run waits for: those of one landing zone go on beside each other."""
    return Lease(store, keys.RUN, uuid4().hex, stop)


def dumped(client: Any) -> dict[bytes, bytes]:
    """Return every key of a server with its value, as bytes."""
    return {key: client.dump(key) for key in client.scan_iter()}


def restore(client: Any, state: dict[bytes, bytes]) -> None:
    """Put a server back to a state that `dumped` returned."""
    client.flushall()
    for key, value in state.items():
        client.restore(key, 0, value)


class Program:
    """The program as people run it: processes, in a directory of their own."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}
        self.environment = {**kept, "PYTHONPATH": str(ROOT), "SPARK_MASTER": "local[2]", **environment}
        self.command = [sys.executable, "-m", "streaming"]
        self.inside = Inside(directory, self.environment)
        self.powerless = False
        """Whether to start it without the powers of root, who reads and writes what it may not."""
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *arguments: str, code: int = 0, timeout: float = HANG, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and assert its exit code."""
        started = self.start(*arguments, **environment)
        try:
            out, err = started.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            started.kill()
            out, err = started.communicate()
            raise AssertionError(f"{arguments} did not end within {timeout} s\n{out}\n{err}") from None
        done = subprocess.CompletedProcess(started.args, started.returncode, out, err)
        assert done.returncode == code, (arguments, done.returncode, out, err)
        return done

    def json(self, *arguments: str, code: int = 0, timeout: float = HANG, **environment: str) -> Any:
        """Run a command with --json and return the one document on stdout."""
        done = self(*arguments, "--json", code=code, timeout=timeout, **environment)
        return json.loads(done.stdout)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command."""
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
        drop = drop if self.powerless and os.getuid() == 0 else []
        started = subprocess.Popen(
            [*drop, *self.command, *arguments],
            cwd=self.directory,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(started)
        return started

    def kill(self, started: "subprocess.Popen[str]") -> None:
        """Kill a process and all it started, at once (SIGKILL): its group, then what left the group."""
        with suppress(ProcessLookupError):
            os.killpg(started.pid, 9)
        for pid in session_of(started.pid):  # Spark's Python workers are a group of their own
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        started.wait()

    def end(self) -> None:
        """Kill what still runs of what was started here."""
        for started in self._started:
            if started.poll() is None:
                self.kill(started)
            for stream in (started.stdout, started.stderr):
                if stream is not None:
                    stream.close()


def session_of(leader: int) -> list[int]:
    """Return the processes of this session, its leader left out."""
    processes = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if pid != leader and os.getsid(pid) == leader:
                processes.append(pid)
    return processes


@contextmanager
def in_background(work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Run work in a thread; after the block set `stop`, which it looks at, and wait for its end."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(HANG)
    assert not thread.is_alive(), f"{work.__name__} did not stop"


@contextmanager
def following(spark: SparkSession, settings: Settings, store: Store) -> Iterator[list[Outcome]]:
    """Follow in a thread, through the stream from the beginning; it must not fail."""
    outcomes: list[Outcome] = []
    failures: list[BaseException] = []
    stop, through_the_stream = threading.Event(), threading.Event()

    def follow() -> None:
        try:
            with closing(lease_of_its_own(store, stop)) as lease:
                stream = Stream(spark, lease, settings, stop, outcomes.extend, through_the_stream)
                stream.follow(settings.checkpoints / "follow")
        except BaseException as error:
            failures.append(error)

    with in_background(follow, stop):
        until(lambda: through_the_stream.is_set() or failures, 60, what="the stream")
        yield outcomes
    assert failures == []


def until(done: Callable[[], Any], seconds: float = 30, *, what: str = "it") -> Any:
    """Wait until something is so, and return it; a machine with other work gets more time."""
    deadline = time.monotonic() + seconds * LOADED
    while not (value := done()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)
    return value
