"""What integration tests drive: a service on a real server, processes, and a lossy proxy."""

import contextlib
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from pyroaring import BitMap64
from pyspark.sql import SparkSession

from streaming.claim import claimed
from streaming.ingest import Outcome
from streaming.query import Query
from streaming.settings import Settings
from streaming.store import Store
from tests import oracle

ROOT = Path(__file__).parents[2]
HOUR = 3600
Content = Sequence[oracle.Row] | str | bytes


def row(number: int, capital: str = "100.00", cidade: str = "Natal", estado: str = "RN") -> oracle.Row:
    """Return a row that fits: the company of this number, wherever and with whatever capital."""
    cnpj = f"{number:08d}000100"
    return (cnpj, "2025-07-28T09:00:00Z", cidade, estado, capital)


class Service:
    """
    One service: its landing zone, its runs and what Redis holds afterwards.

    Files get times one second apart in the order they are put, so that first and later are certain.
    """

    def __init__(self, spark: SparkSession, settings: Settings, url: str) -> None:
        self.settings = settings
        self.spark = spark
        self.redis = redis.Redis.from_url(url, decode_responses=False)
        self._mtime = time.time() - HOUR

    def put(self, name: str, content: Content, *, mtime: float | None = None) -> str:
        """Write a file whole, under a hidden name first; return its content as text."""
        self._mtime += 1
        mtime = self._mtime if mtime is None else mtime
        data = content if isinstance(content, str | bytes) else oracle.text(content)
        data = data.encode() if isinstance(data, str) else data
        written = gzip.compress(data) if name.endswith(".gz") and data[:2] != b"\x1f\x8b" else data
        hidden = self.settings.landing_zone / f".{name}.writing"
        hidden.write_bytes(written)
        os.utime(hidden, (mtime, mtime))
        hidden.replace(self.settings.landing_zone / name)
        return data.decode(errors="replace")

    def run(self, checkpoint: str = "run", store: Store | None = None) -> list[Outcome]:
        """Run once over all there is, as `city-features run` does, in this process."""
        found: list[Outcome] = []
        store = store or self.store()
        with claimed(self.settings, checkpoint, threading.Event()) as directory:
            query = Query(self.spark, store, self.settings, threading.Event(), found.extend)
            query.run_available(directory)
        return found

    def store(self) -> Store:
        """Return the service's own view of Redis."""
        assert self.settings.redis_url is not None
        return Store(self.settings.redis_url.get_secret_value(), self.settings)

    def features(self) -> dict[str, tuple[str, str, str]]:
        """Return key → (total, companies, mean), as any client of Redis sees them."""
        found = {}
        for name in self.redis.scan_iter(_type="hash"):
            key = name.decode().removeprefix(self.settings.feature_prefix)
            if key != "ingest:files":
                values = self.redis.hgetall(name)
                assert set(values) == {
                    b"capital_social_total",
                    b"quantidade_empresas",
                    b"capital_social_medio",
                    b"atualizado_em",
                }, (key, values)
                found[key] = tuple(
                    values[field].decode()
                    for field in (
                        b"capital_social_total",
                        b"quantidade_empresas",
                        b"capital_social_medio",
                    )
                )
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """Return path → record, as any client of Redis sees them."""
        found = self.redis.hgetall(f"{self.settings.feature_prefix}ingest:files")
        return {os.fsdecode(path): json.loads(value) for path, value in found.items()}

    def conserved(self) -> None:
        """Assert that no row went missing, and that ledger, cities and municipalities agree."""
        for path, r in self.records().items():
            assert r["read"] == r["new"] + r["duplicates"] + r["rejected"], (path, r)
        prefix = self.settings.feature_prefix
        blocks = [self.redis.get(key) for key in self.redis.scan_iter(f"{prefix}ledger:*")]
        counted = sum(len(BitMap64.deserialize(block)) for block in blocks)
        features = self.features()
        assert sum(int(f[1]) for key, f in features.items() if "/" not in key) == counted
        assert sum(int(f[1]) for key, f in features.items() if "/" in key) == counted

    def holds(self, *files: str) -> None:
        """Assert that Redis holds exactly what these files, in this order, add up to."""
        assert self.features() == oracle.features(files)
        self.conserved()


@pytest.fixture
def service(spark: SparkSession, settings: Settings, server_url: str) -> Service:
    """A service with an empty landing zone, an empty Redis and no checkpoint."""
    return Service(spark, settings, server_url)


def dumped(client: redis.Redis) -> dict[bytes, bytes]:
    """Return every key of a server with its value, as bytes."""
    return {key: client.dump(key) for key in client.scan_iter()}


def restore(client: redis.Redis, state: dict[bytes, bytes]) -> None:
    """Put a server back to a state that `dumped` returned."""
    client.flushall()
    for key, value in state.items():
        client.restore(key, 0, value)


class Proxy:
    """
    A wire to a real server that can be cut.

    Every command reaches the server, and every reply comes back, but those that `swallow` names: there
    the server ran the script, and the client finds its connection closed instead of the reply.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._swallow: set[int] = set()
        self._before: dict[int, Callable[[], None]] = {}
        self.scripts = 0
        """How many scripts the server ran to a result."""
        self.swallowed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def swallow(self, *which: int) -> None:
        """Lose the replies of these scripts, counted from 1; errors (NOSCRIPT) do not count."""
        self._swallow = {self.scripts + n for n in which}

    def before(self, which: int, act: Callable[[], None]) -> None:
        """Do something just before the server gets the script that would be the n-th result."""
        self._before[self.scripts + which] = act

    def cut(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _close(*pair)

    def close(self) -> None:
        """Take no more connections, and cut those there are."""
        # A close alone would let a waiting accept() take one more connection.
        _close(self._listener)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._pairs.append((client, server))
            asked = threading.Event()
            for target in (self._forth, self._back):
                threading.Thread(target=target, args=(client, server, asked), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        try:
            while data := client.recv(1 << 20):
                if b"\r\nEVAL" in data[:64].upper():
                    if act := self._before.pop(self.scripts + 1, None):
                        act()
                    asked.set()
                server.sendall(data)
        except OSError:
            pass
        _close(client, server)

    def _back(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        try:
            while data := server.recv(1 << 20):
                if asked.is_set():
                    asked.clear()
                    if not data.startswith(b"-"):
                        self.scripts += 1
                        if self.scripts in self._swallow:
                            self.swallowed += 1
                            break
                client.sendall(data)
        except OSError:
            pass
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for some in sockets:
        with contextlib.suppress(OSError):
            some.shutdown(socket.SHUT_RDWR)
        some.close()


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    """A proxy before the real server."""
    made = Proxy("127.0.0.1", int(server_url.rpartition(":")[2].partition("/")[0]))
    yield made
    made.close()


class Program:
    """The program as people run it: processes, in a directory of their own."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}
        self.environment = {**kept, "PYTHONPATH": str(ROOT), "SPARK_MASTER": "local[2]", **environment}
        self.powerless = False
        """Whether to start it without the powers of root, who reads and writes what it may not."""
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *arguments: str, code: int = 0, timeout: float = 90, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and assert its exit code."""
        started = self.start(*arguments, **environment)
        try:
            out, err = started.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            started.kill()
            out, err = started.communicate()
            pytest.fail(f"{arguments} did not end within {timeout} s\n{out}\n{err}")
        done = subprocess.CompletedProcess(started.args, started.returncode, out, err)
        assert done.returncode == code, (arguments, done.returncode, out, err)
        return done

    def json(self, *arguments: str, code: int = 0, **environment: str) -> Any:
        """Run a command with --json and return the one document on stdout."""
        return json.loads(self(*arguments, "--json", code=code, **environment).stdout)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command."""
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
        wrapper = drop if self.powerless and os.getuid() == 0 else []
        started = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "streaming", *arguments],
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
        """Kill a process and all it started, at once (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, 9)
        started.wait()

    def end(self) -> None:
        """Kill what still runs of what was started here."""
        for started in self._started:
            if started.poll() is None:
                self.kill(started)
            for stream in (started.stdout, started.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def program(settings: Settings, server_url: str, tmp_path: Path) -> Iterator[Program]:
    """The program on the same directories and the same server as `settings`."""
    made = Program(tmp_path, {"REDIS_URL": server_url, "SETTLE_SECONDS": "0.2"})
    yield made
    made.end()


def until(done: Callable[[], Any], seconds: float = 30, *, what: str = "it") -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := done()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)
    return value
