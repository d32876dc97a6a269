"""A landing zone, a server, a wire and processes of their own, and what has to be counted in them."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from streaming.landing.local import stat_file
from streaming.settings import load
from streaming.spark import session
from streaming.store import local_server
from tests import oracle
from tests.harness import HOUR, Program, Service, Zone, row, until
from tests.proxy import Proxy

PLACES = [
    ("Natal", "RN"),
    ("Belém", "PA"),
    ("Belém", "PB"),
    ("São Paulo", "SP"),
    ("Bom Jesus", "PI"),
    ("Bom Jesus", "RS"),
    ("Olho d'Água", "PB"),
]
Progress = Callable[[int, int], None]
Rows = dict[str, tuple[int, str]]
"""What was tried → how often, and what came of it."""


class Difference(AssertionError):
    """Redis does not hold what plain Python counts; the message has all of it."""


@dataclass(frozen=True)
class Case:
    """One case of faults: `run` tries it so often and raises at the first thing that is not right."""

    name: str
    title: str
    run: "Callable[[World, int], Rows]"
    full: int
    quick: int


class World:
    """
    What one case has of its own.

    `contents` are the files as they lie there now, without the rows to be rejected; what was counted is
    told from the records in Redis alone: each once, in the order (version, order).
    """

    def __init__(
        self,
        directory: Path,
        seed: int,
        progress: Progress = lambda done, of: None,
        *,
        audited: bool = True,
    ) -> None:
        self.directory = directory
        self.random = random.Random(seed)
        self.seed = seed
        self.progress = progress
        self.contents: dict[str, str] = {}
        self.checks = 0
        self.audits = 0
        self.audited = audited
        for name in ("landing_zone", "checkpoints"):
            (directory / name).mkdir(parents=True)
        self.url = local_server.url(directory / "redis")
        self.settings = load(
            _env_file=None,
            redis_url=self.url,
            landing_zone=directory / "landing_zone",
            checkpoints=directory / "checkpoints",
            settle_seconds=0.2,
            settle_timeout=20,
            spark_master="local[2]",
        )
        self.proxy = Proxy("127.0.0.1", int(self.url.rpartition(":")[2].partition("/")[0]))
        self.program = Program(directory, {"REDIS_URL": self.url, "SETTLE_SECONDS": "0.2"})
        self.zone = Zone(self.settings, self.url)
        self._rejected: dict[str, int] = {}
        self._mtime = time.time() - 24 * HOUR
        self._lock = threading.Lock()
        self._companies = 0
        self.forget()

    @cached_property
    def service(self) -> Service:
        """The service in this process; all cases share one Spark."""
        return Service(session.start(load(spark_master="local[2]")), self.settings, self.url)

    @property
    def redis(self) -> Any:
        """A client of the server, past the proxy."""
        return self.zone.redis

    def end(self) -> None:
        """End everything that was started."""
        self.proxy.close()
        self.program.end()
        local_server.stop(self.directory / "redis")

    def kill_server(self) -> None:
        """Kill the server as a power cut would."""
        pid = int(self.redis.info("server")["process_id"])
        psutil.Process(pid).kill()
        until(
            lambda: local_server.running(self.directory / "redis") is None, what="the end of the server"
        )

    def start_server(self) -> None:
        """Start the server again, on what its directory holds, at the same port."""
        assert local_server.url(self.directory / "redis") == self.url

    def rows(self, count: int, *, alter: float = 0.3, repeat: float = 0.35) -> list[oracle.Row]:
        """Return rows of companies, some of them seen before, and those at times with other values."""
        chance = self.random
        made = []
        for _ in range(count):
            with self._lock:
                if self._companies and chance.random() < repeat:
                    number = chance.randrange(self._companies)
                else:
                    number = self._companies
                    self._companies += 1
            values = chance if chance.random() < alter else random.Random(number)
            cents = values.choice((values.randrange(1, 100), values.randrange(10**11), 10**12 + number))
            made.append(row(number, f"{cents // 100}.{cents % 100:02d}", *values.choice(PLACES)))
        return made

    def put(
        self,
        rows: Sequence[oracle.Row] | None = None,
        *,
        name: str | None = None,
        mtime: float | None = None,
        hidden: bool = False,
    ) -> str:
        """
        Rename a file into the landing zone, with some rows to be rejected; return its name.

        Files are a second apart in time, in the order they are put; `hidden` only takes note of it.
        """
        rows = self.rows(self.random.randint(5, 40)) if rows is None else rows
        bad = [row(n, "-1.00") for n in range(self.random.randrange(3))] if not hidden else []
        with self._lock:
            self._mtime += 1
            name = name or f"{self.random.randrange(16**6):06x}-{len(self.contents):04d}.csv"
            mtime = self._mtime if mtime is None else mtime
            self.contents[name] = oracle.text(rows)
            self._rejected[name] = len(bad)
        if not hidden:
            self.zone.put(name, oracle.text([*rows, *bad]), mtime=mtime)
        return name

    def forget(self, since: int | None = 0) -> None:
        """Take note that Redis went back to the state it had after so many files were counted."""
        if since == 0:
            self._counted: list[tuple[int, str, str]] = []
        else:
            del self._counted[since:]
        self._count = oracle.Count()
        for *_, content in self._counted:
            self._count.add(content)

    @property
    def counted(self) -> int:
        """How many files were counted so far, one overwritten as often as it was."""
        return len(self._counted)

    def differences(self) -> dict[str, Any]:
        """Return what Redis does not hold as counted by plain Python: (there, expected) by key."""
        records = self.zone.records()
        known = {(version, path) for version, path, _ in self._counted}
        new = sorted((r["version"], r["order"], path) for path, r in records.items())
        wrong: dict[str, Any] = {}
        for version, _, path in new:
            if (version, path) not in known:
                content = self.contents[path]
                companies = len(self._count.companies)
                self._count.add(content)
                read = len(content.splitlines()) - 1
                fresh = len(self._count.companies) - companies
                bad = self._rejected[path]
                expected = (read + bad, fresh, read - fresh, bad)
                counts = tuple(records[path][k] for k in ("read", "new", "duplicates", "rejected"))
                if counts != expected:
                    wrong[f"record of {path}"] = counts, expected
                self._counted.append((version, path, content))
        features, expected_features = self.zone.features(), self._count.features()
        for key in features.keys() | expected_features.keys():
            if features.get(key) != expected_features.get(key):
                wrong[key] = features.get(key), expected_features.get(key)
        self.checks += 1
        return wrong

    def check(self) -> None:
        """Assert that Redis is whole: features and records as counted, rows conserved."""
        if wrong := self.differences():
            raise Difference(f"{len(wrong)} differences (there, expected): {wrong}")
        self.zone.conserved()

    def complete(self, *, audit: bool = False) -> None:
        """Assert that Redis holds every file there is, and is whole; at will let the program say so."""
        records = self.zone.records()
        landed = {path: stat_file(self.settings.landing_directory, path) for path in self.contents}
        missing = [
            path
            for path, file in landed.items()
            if not (
                file
                and path in records
                and (records[path]["size"], records[path]["mtime"]) == (file.size, file.mtime)
            )
        ]
        if missing:
            raise Difference(f"{len(missing)} files were not counted as they are: {sorted(missing)}")
        self.check()
        if audit:
            self.audit()

    def audit(self) -> None:
        """Let the program recompute everything from the landed files and compare, if that is wanted."""
        if not self.audited:
            return
        report = self.program.json("audit", timeout=300)
        if not report["ok"] or report["differences"]:
            raise Difference(f"audit: {report}")
        self.audits += 1

    def told(self) -> str:
        """Return what was compared, for the table."""
        audited = f", {self.audits} audits" if self.audits else ""
        return (
            f"0 differences in {self.checks} comparisons{audited}; {len(self.contents)} files, "
            f"{len(self._count.companies):,} companies"
        )
