"""Where contenders meet: a landing zone, a real server, and processes that are timed from outside."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import redis
from pyspark.java_gateway import launch_gateway

from benchmarks.data import Features
from streaming.store import local_server

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks" / "peers"
OURS = "city-features"
SAMPLE = 0.1
FLOAT = Decimal("1e-9")
"""How far from it a sum of floats may be, relative to it."""


class Wrong(Exception):
    """Who is fast and wrong has not won."""


@dataclass(frozen=True)
class Contender:
    """
    What takes part; `python` is the interpreter that has its libraries.

    `once`: whether it counts each company once. `exact`: whether it counts cents, not floats.
    """

    name: str
    command: tuple[str, ...]
    once: bool = False
    exact: bool = True
    legible: bool = True
    """Whether what it puts into Redis can be read without it."""
    timed: bool = False
    """Whether its last line says how many seconds it took after its start."""

    @property
    def after_start(self) -> str:
        """What its seconds after its start are called."""
        return f"{self.name} after its start"


def peer(name: str, script: str, python: str = sys.executable, **what: bool) -> Contender:
    """Return the contender of a script in `peers`."""
    return Contender(name, (python, str(PEERS / script)), **what)


SERVICE = Contender(OURS, (sys.executable, "-m", "streaming", "run"), once=True)


@dataclass(frozen=True)
class Run:
    """
    One process from its start to its end.

    `peak`: bytes (PSS of it and all it started), if sampled. `cpu`: their seconds, less the last
    0.1 s of each, if sampled. `output`: what it wrote to stdout.
    """

    seconds: float
    peak: int = 0
    cpu: float = 0
    output: str = ""


class Arena:
    """Directories and a server of their own, made anew before each run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.landing_zone = directory / "landing_zone"
        self.checkpoints = directory / "checkpoints"
        directory.mkdir(parents=True, exist_ok=True)
        self.url = local_server.url(directory / "redis")
        self.url_of_others = self.url.removesuffix("/0") + "/1"
        self.redis: Any = redis.Redis.from_url(self.url, decode_responses=True)
        self.redis.config_set("slowlog-log-slower-than", 1000)
        self.redis.config_set("slowlog-max-len", 1000)
        self.others: Any = redis.Redis.from_url(self.url_of_others, decode_responses=True)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self.url,
            "LANDING_ZONE": str(self.landing_zone),
            "CHECKPOINTS": str(self.checkpoints),
            "SPARK_MASTER": "local[*]",
            "LOG_LEVEL": "warning",
        }
        self.environment_of_others: dict[str, str] = {}

    def close(self) -> None:
        """Stop the server."""
        local_server.stop(self.directory / "redis")

    @contextmanager
    def one_jvm(self) -> Iterator[None]:
        """Have the Spark of all others start in one JVM: no way to time them, but seconds faster."""
        streams = {"stderr": subprocess.DEVNULL, "cwd": self.directory}
        gateway = launch_gateway(popen_kwargs=streams)  # type: ignore[no-untyped-call]
        its = gateway.gateway_parameters
        self.environment_of_others = {
            "PYSPARK_GATEWAY_PORT": str(its.port),
            "PYSPARK_GATEWAY_SECRET": its.auth_token,
        }
        try:
            yield
        finally:
            gateway.proc.stdin.close()
            gateway.proc.wait()
            self.environment_of_others = {}

    def clear(self) -> None:
        """Empty everything."""
        self.redis.flushall()
        self.redis.slowlog_reset()
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        self.checkpoints.mkdir()
        self.empty_landing_zone()

    def empty_landing_zone(self) -> None:
        """Take all files away."""
        shutil.rmtree(self.landing_zone, ignore_errors=True)
        self.landing_zone.mkdir()

    def land(self, files: Iterable[Path], prefix: str = "") -> None:
        """Put files into the landing zone, under their own names or with something before them."""
        for file in files:
            os.link(file, self.landing_zone / f"{prefix}{file.name}")

    def run(self, contender: Contender, *, sampled: bool = False) -> Run:
        """Run a contender to its end; raises where it fails."""
        command, environment = contender.command, {}
        if contender.name != OURS:
            command += (str(self.landing_zone), self.url_of_others)
            environment = self.environment_of_others
        began = time.monotonic()
        with self.start(command, stdout=subprocess.PIPE, **environment) as process:
            usage = _Usage(process.pid) if sampled else None
            output, errors = process.communicate()
            seconds = time.monotonic() - began
        if process.returncode:
            raise RuntimeError(f"{contender.name} failed ({process.returncode}):\n{errors}")
        return Run(seconds, *(usage.end() if usage else (0, 0.0)), output)

    def start(
        self, command: Iterable[str], *, stdout: int = subprocess.DEVNULL, **environment: str
    ) -> "subprocess.Popen[str]":
        """Start a process on this landing zone and server."""
        return subprocess.Popen(
            tuple(command),
            cwd=self.directory,
            env={**self.environment, **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def counted(self, contender: Contender) -> Features:
        """Return the cities of a contender in Redis; the municipalities too, where it has them."""
        client = self.redis if contender.name == OURS else self.others
        keys = [key for key in client.scan_iter(count=5000, _type="hash") if ":" not in key]
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(key, "quantidade_empresas", "capital_social_total")
        values = pipeline.execute()
        return {key: (int(n), Decimal(capital)) for key, (n, capital) in zip(keys, values, strict=True)}

    def check(self, contender: Contender, expected: Features) -> None:
        """
        Compare what a contender left in Redis, place by place, with what it has to be.

        Raises:
            Wrong: a place lacks or is too much, its companies differ, or its capital (of who counts in
                floats, by more than they cannot tell).
        """
        if not contender.legible:
            return
        if contender.name != OURS:
            expected = {key: value for key, value in expected.items() if "/" not in key}
        counted, nothing = self.counted(contender), (0, Decimal(0))
        wrong = []
        for key in sorted(counted.keys() | expected.keys()):
            (n, capital), (right, total) = counted.get(key, nothing), expected.get(key, nothing)
            near = 0 if contender.exact else FLOAT * total
            if n != right or abs(capital - total) > near:
                wrong.append(f"{key}: {n} companies with {capital}, not {right} with {total}")
        if wrong:
            raise Wrong(f"{contender.name} is wrong in {len(wrong)} places, as in {wrong[0]}")

    def ledger(self) -> int:
        """Return the bytes of Redis' memory that the ledger takes."""
        keys = self.redis.scan_iter("ledger:*", count=5000)
        return sum(self.redis.memory_usage(key, samples=0) for key in keys)

    def longest_commit(self) -> float:
        """Return the milliseconds that Redis took for its longest script since `clear`."""
        scripts = [e for e in self.redis.slowlog_get(1000) if str(e["command"]).find("EVALSHA") >= 0]
        return float(max(e["duration"] for e in scripts)) / 1000


class _Usage:
    """Looks at the memory and the CPU of a process and all it started until it ends."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._most = 0
        self._cpu: dict[int, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE):
            used = 0
            with suppress(psutil.Error):
                for process in (self._root, *self._root.children(recursive=True)):
                    with suppress(psutil.Error):
                        used += process.memory_full_info().pss
                        times = process.cpu_times()
                        self._cpu[process.pid] = times.user + times.system
            self._most = max(self._most, used)

    def end(self) -> tuple[int, float]:
        """Return the peak in bytes, and the seconds of CPU."""
        self._done.set()
        self._thread.join()
        return self._most, sum(self._cpu.values())
