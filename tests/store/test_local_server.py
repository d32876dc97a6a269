"""The server of the service's own: which program opens the data, and what becomes of one that fails."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis

from streaming.errors import EnvironmentRefused
from streaming.store import local_server, server_directory, server_programs
from streaming.store.server_programs import Program

SOON = 10
"""Seconds within which a failure is told: far less than a server that is silent gets."""

# The base file that Debian's Redis 7.0.15 writes when it starts with nothing.
REDIS_7 = bytes.fromhex(
    "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040"
    "fa056374696d65c2850e076bfa08757365642d6d656dc200000000fa08616f662d62617365c001ff"
) + bytes(8)
ENDS = "echo '7:M 25 Nov 2026 16:36:20.680 # {}' >> server.log"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory for a server, which is stopped at the end."""
    made = tmp_path / "redis"
    yield made
    if (made / "port").is_file() and local_server.running(made):
        local_server.stop(made)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that comes first on the path."""
    made = tmp_path / "bin"
    made.mkdir()
    monkeypatch.setenv("PATH", f"{made}{os.pathsep}{os.environ['PATH']}")
    return made


def install(path: Path, version: str, *, ends: str = "Bad file format", name: str = "redis") -> Program:
    """Put a server program on the path that ends, as it starts, with this in its log."""
    made = path / f"{name}-server"
    made.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "{name.capitalize()} server v={version} sha=0"; exit; fi\n'
        f"{ENDS.format(ends)}\n"
    )
    made.chmod(0o755)
    return Program(name, version, str(made))


def data(directory: Path, base: bytes = REDIS_7) -> None:
    """Put the data of another server there."""
    target = directory / "appendonlydir"
    target.mkdir(parents=True)
    (target / "appendonly.aof.1.base.rdb").write_bytes(base)
    (target / "appendonly.aof.1.incr.aof").touch()
    (target / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
    )


def client(directory: Path) -> Any:
    return redis.Redis.from_url(local_server.url(directory), decode_responses=True)


def refusal(directory: Path) -> str:
    """Return the one line with which the server does not start, soon."""
    begun = time.monotonic()
    with pytest.raises(EnvironmentRefused) as error:
        local_server.url(directory)
    assert time.monotonic() - begun < SOON
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("reader", "writer", "reads"),
    [
        (("redis", "7.0.15"), ("redis", "7.0.15"), True),
        (("redis", "7.0.11"), ("redis", "7.0.15"), True),
        (("redis", "7.2.0"), ("redis", "7.0.15"), True),
        (("redis", "10.0.0"), ("redis", "9.9.9"), True),
        (("redis", "7.0.15"), ("redis", "7.2.0"), False),
        (("redis", "8.6.0"), ("valkey", "7.2.5"), False),
        (("valkey", "9.1.2"), ("redis", "7.2.4"), True),
        (("valkey", "9.1.2"), ("redis", "7.4.0"), False),
        (("valkey", "9.0.0"), ("valkey", "9.1.2"), False),
    ],
)
def test_a_program_reads_what_older_releases_wrote(
    reader: tuple[str, str], writer: tuple[str, str], reads: bool
) -> None:
    assert Program(*reader).reads(Program(*writer)) is reads


def test_an_older_program_on_the_path_does_not_get_the_data(directory: Path, path: Path) -> None:
    client(directory).set("a", "1")
    wrote = (directory / "program").read_text()
    local_server.stop(directory)
    install(path, "6.0.16")
    assert client(directory).get("a") == "1"
    local_server.stop(directory)
    (directory / "program").unlink()  # data from before there were notes
    assert client(directory).get("a") == "1"
    assert (directory / "program").read_text() == wrote


def test_data_stays_with_the_kind_of_program_that_wrote_it(directory: Path, path: Path) -> None:
    data(directory)
    debian = install(path, "7.0.15")
    assert server_programs.for_data(directory) == debian
    newer = install(path, "8.2.0")
    assert server_programs.for_data(directory) == newer


def test_a_newer_program_takes_over_and_the_data_is_its_own_then(directory: Path, path: Path) -> None:
    data(directory)
    client(directory).set("a", "1")
    local_server.stop(directory)
    install(path, "7.0.15")
    assert client(directory).get("a") == "1"
    assert (directory / "program").read_text().startswith("valkey ")


@pytest.mark.parametrize("how", ["by its note", "by its base file"])
def test_data_that_no_program_here_reads_is_refused_at_once(
    directory: Path, path: Path, how: str
) -> None:
    data(directory, REDIS_7 if how == "by its note" else REDIS_7.replace(b"\x067.0.15", b"\x0499.0"))
    if how == "by its note":
        (directory / "program").write_text("redis 99.0\n")
    install(path, "7.0.15")
    line = refusal(directory)
    assert "was written by Redis 99.0, and " in line
    assert "Install Redis 99.0 or newer, or set REDIS_DIR" in line
    assert f"Redis 7.0.15 ({path / 'redis-server'})" in line


def test_without_data_no_note_matters(directory: Path) -> None:
    directory.mkdir()
    (directory / "program").write_text("redis 99.0\n")
    assert client(directory).ping()


def test_a_server_that_cannot_load_its_data_is_told_at_once(directory: Path) -> None:
    data(directory, b"REDIS0011 and then nothing that is any")
    line = refusal(directory)
    assert "did not start: " in line
    assert str(directory / "server.log") in line
    assert "ended without a word" not in line


def test_what_the_log_says_last_is_the_reason(directory: Path, path: Path) -> None:
    data(directory, REDIS_7.replace(b"\x067.0.15", b"\x0499.0"))
    install(path, "99.1", ends="Out of luck")
    directory.joinpath("server.log").write_text(
        "6:M 25 Nov 2026 16:36:20.680 # Something of before\n", encoding="utf-8"
    )
    assert "did not start: Out of luck; see " in refusal(directory)


@pytest.mark.parametrize("name", ["server.log", "port", "lock", "server.lock", ".port.new"])
def test_what_cannot_be_written_is_named_at_once(directory: Path, name: str) -> None:
    (directory / name).mkdir(parents=True)
    assert str(directory) in refusal(directory)


def test_a_full_disk_is_told_at_once(directory: Path) -> None:
    directory.mkdir()
    (directory / ".port.new").symlink_to("/dev/full")
    assert "No space left on device" in refusal(directory)


@pytest.mark.parametrize("text", [b"", b"63x9", b"\xff", b"0", b"-1", b"99999", b"6\x00"])
def test_a_port_that_is_none_is_replaced(directory: Path, text: bytes) -> None:
    directory.mkdir()
    (directory / "port").write_bytes(text)
    assert client(directory).ping()


class Page(BaseHTTPRequestHandler):
    """Another service than Redis."""

    def log_message(self, *_: Any) -> None:
        pass


def test_another_server_at_the_noted_port_is_left_alone(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    taken = client(other)
    directory.mkdir()
    (directory / "port").write_text((other / "port").read_text())
    assert local_server.running(directory) is None
    client(directory).set("a", "1")
    assert taken.get("a") is None
    local_server.stop(other)


def test_a_port_with_another_service_is_left_alone(directory: Path) -> None:
    other = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    directory.mkdir()
    (directory / "port").write_text(str(other.server_port))
    assert client(directory).ping()
    other.shutdown()
    thread.join()
    other.server_close()


def test_servers_that_start_at_once_on_one_port_all_start(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    directories = [tmp_path / str(n) for n in range(4)]
    for directory in directories:
        directory.mkdir()
        (directory / "port").write_text(str(port))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(local_server.url, directories))) == 4
    assert all(map(local_server.stop, directories))


def test_a_server_that_hangs_gets_no_second_one_beside_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(client(directory).info("server")["process_id"])
    monkeypatch.setattr(local_server, "START_SECONDS", 0)
    os.kill(number, signal.SIGSTOP)
    try:
        monkeypatch.setattr(local_server, "ANSWER_SECONDS", 0.1)
        line = refusal(directory)
        with pytest.raises(EnvironmentRefused, match="does not answer"):
            local_server.stop(directory)
    finally:
        os.kill(number, signal.SIGCONT)
    assert f"(process {number}) is alive, but does not answer" in line
    assert int(client(directory).info("server")["process_id"]) == number


def test_a_lost_port_starts_no_second_server(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = int(client(directory).info("server")["process_id"])
    port = (directory / "port").read_text()
    monkeypatch.setattr(local_server, "START_SECONDS", 0)
    (directory / "port").unlink()
    assert f"(process {number}) is alive" in refusal(directory)
    (directory / "port").write_text(port)


def test_a_server_that_was_killed_is_started_again_with_its_data(directory: Path) -> None:
    running = client(directory)
    running.set("a", "1")
    os.kill(int(running.info("server")["process_id"]), signal.SIGKILL)
    assert client(directory).get("a") == "1"


def test_a_server_that_loads_much_is_waited_for(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(directory)
    local_server.stop(directory)
    log = next((directory / "appendonlydir").glob("*.incr.aof"))
    values = [b"*3\r\n$3\r\nSET\r\n$7\r\n%07d\r\n$1\r\n1\r\n" % n for n in range(500_000)]
    log.write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + b"".join(values))
    monkeypatch.setattr(local_server, "START_SECONDS", 0.1)
    begun = time.monotonic()
    assert client(directory).dbsize() == 500_000
    assert time.monotonic() - begun > 0.1


NAMES = [
    "com espaço",
    'it\'s "so"\\',
    "100%25",
    "-x $HOME;#?*[]{}",
    "two\nlines",
    os.fsdecode(b"lat\xe3n"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_of_a_directory_works(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    client(directory).set("a", "1")
    local_server.stop(directory)
    (tmp_path / "link").symlink_to(directory)
    assert client(tmp_path / "link").get("a") == "1"
    assert local_server.running(directory) == local_server.url(tmp_path / "link")
    assert local_server.stop(directory)


def test_a_path_that_no_server_can_have_is_refused(tmp_path: Path) -> None:
    assert "too long" in refusal(tmp_path.joinpath(*["x" * 200] * 6))
    assert "File name too long" in refusal(tmp_path / ("x" * 300))


def test_a_server_leaves_nothing_outside_of_its_directory(directory: Path) -> None:
    running = client(directory)
    assert running.config_get("pidfile")["pidfile"] == "server.pid"
    assert server_directory.pid(directory) == str(running.info("server")["process_id"])
    assert not server_directory.lives(directory / "..") and server_directory.lives(directory)


def test_a_program_that_is_no_server_is_not_taken_for_one(path: Path) -> None:
    for name, text in (("redis-server", "#!/bin/sh\nexit 1\n"), ("valkey-server", "no program at all")):
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    assert Path(server_programs.default().path).parent != path
