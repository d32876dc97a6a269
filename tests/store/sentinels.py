"""A primary, its replica and three sentinels on this machine, for tests."""

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import redis

from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import Store
from tests.harness import until

SERVICE = "features"
DOWN_MS = 1000
"""After how long without an answer a sentinel takes the primary for dead."""


class Server:
    """A process of the server program: a server or a sentinel."""

    def __init__(self, directory: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._directory = directory
        directory.mkdir(parents=True)
        (directory / "conf").write_text(
            "\n".join([f"port {self.port}", "bind 127.0.0.1", f"dir {directory}", *options, ""])
        )
        # Typed loosely: the client's stubs do not know that replies are bytes here.
        self.client: Any = redis.Redis(port=self.port)
        self.start()

    def start(self) -> None:
        """Start it, with what it wrote into its file of settings before."""
        mode = ["--sentinel"] if "sentinel monitor" in (self._directory / "conf").read_text() else []
        self._process = subprocess.Popen(
            [local_server.program(), str(self._directory / "conf"), *mode], stdout=subprocess.DEVNULL
        )
        until(self._answers, what="the start of a server")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, stopped or not."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class Sentinels:
    """The servers of one service."""

    def __init__(self, directory: Path) -> None:
        keep = ("appendonly yes", "appendfsync always", 'save ""', "repl-diskless-sync-delay 0")
        self.servers: list[Server] = []
        self.primary = self._start(directory / "primary", *keep)
        self.replica = self._start(
            directory / "replica", *keep, f"replicaof 127.0.0.1 {self.primary.port}"
        )
        until(self.is_replicating, what="the replication")
        self.sentinels = [
            self._start(
                directory / f"sentinel{number}",
                f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 2",
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_MS}",
                f"sentinel failover-timeout {SERVICE} 5000",
            )
            for number in range(3)
        ]
        until(self._know_each_other, what="the sentinels' discovery")

    @property
    def url(self) -> str:
        """The URL that names the sentinels."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def settings(self, **changes: object) -> Settings:
        """Return settings with this service as Redis."""
        return load(_env_file=None, redis_url=self.url, **changes)

    def store(self) -> Store:
        """Return the store of the service, whichever server is the primary."""
        return Store(self.url, self.settings())

    def is_replicating(self) -> bool:
        """Return whether the replica is connected."""
        return bool(self.replica.client.info("replication").get("master_link_status") == "up")

    def is_promoted(self) -> bool:
        """Return whether the replica is the primary by now."""
        return bool(self.replica.client.info("replication")["role"] == "master")

    def end(self) -> None:
        """Kill them all."""
        for server in self.servers:
            server.kill()

    def _start(self, directory: Path, *options: str) -> Server:
        self.servers.append(Server(directory, *options))
        return self.servers[-1]

    def _know_each_other(self) -> bool:
        masters = [sentinel.client.sentinel_masters()[SERVICE] for sentinel in self.sentinels]
        return all(m["num-other-sentinels"] == 2 and m["num-slaves"] == 1 for m in masters)
