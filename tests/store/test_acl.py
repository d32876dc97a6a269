"""The users of docker/users.acl, on a real server: who may do what, and what a restart keeps."""

import socket
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import redis

from streaming.jobs import checks
from streaming.settings import Settings, load
from streaming.store import health, local_server
from streaming.store.store import connect
from tests.harness import ROOT, Service, row

PASSWORD = "0123456789abcdef"
SERVICE = f"city-features:{PASSWORD}"
READER = "leitor:leitor"


class Restricted:
    """A server that knows the users of docker/users.acl."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        rules = (ROOT / "docker" / "users.acl").read_text()
        hashed = sha256(PASSWORD.encode()).hexdigest()
        (directory / "users.acl").write_text(rules.replace("PASSWORD_SHA256", hashed))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.start()

    def url(self, user: str) -> str:
        return f"redis://{user}@127.0.0.1:{self._port}/0"

    def client(self, user: str) -> redis.Redis:
        return redis.Redis.from_url(self.url(user), decode_responses=True)

    def start(self) -> None:
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self._directory),
            "aclfile": str(self._directory / "users.acl"),
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        self._process = subprocess.Popen([local_server.program(), *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client(READER).ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def restricted(tmp_path: Path) -> Iterator[Restricted]:
    directory = tmp_path / "restricted"
    directory.mkdir()
    made = Restricted(directory)
    yield made
    made.stop()


@pytest.fixture
def restricted_settings(settings: Settings, restricted: Restricted) -> Settings:
    return load(**{**settings.model_dump(), "redis_url": restricted.url(SERVICE), "_env_file": None})


def test_the_service_may_do_all_it_does_and_a_restart_keeps_it(
    service: Service, restricted: Restricted, restricted_settings: Settings
) -> None:
    mine = Service(service.spark, restricted_settings, restricted.url(SERVICE))
    first = mine.put("a.csv", [row(1), row(2)])
    mine.run()
    second = mine.put("b.csv", [row(2), row(3, cidade="São Paulo", estado="SP")])
    mine.run()
    mine.holds(first, second)
    restricted.stop()
    restricted.start()
    mine.redis.close()
    mine.holds(first, second)
    assert connect(restricted_settings).features("São Paulo")
    assert not [c for c in checks.run(restricted_settings) if not c.ok]


@pytest.mark.parametrize(
    "command",
    [
        "flushall",
        "flushdb",
        "keys *",
        "del Natal",
        "config set appendonly no",
        "config rewrite",
        "shutdown",
        "bgsave",
        "eval return(1) 0",
        "acl list",
        "acl setuser default on",
        "save",
        "bgrewriteaof",
        "replicaof no one",
        "copy a b",
        "restore a 0 x",
        "expire a 1",
        "script flush",
        "monitor",
        "client kill type normal",
        "function flush",
        "swapdb 0 1",
        "migrate 127.0.0.1 1 Natal 0 1",
        "module list",
        "client pause 1",
        "hincrby Natal quantidade_empresas 1",
    ],
)
def test_the_service_may_do_nothing_else(restricted: Restricted, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        restricted.client(SERVICE).execute_command(*command.split())


@pytest.mark.parametrize("command", ["'FLUSHALL'", "'DEL', 'Natal'", "'KEYS', '*'"])
def test_a_script_of_its_own_gives_the_service_no_more_rights(
    restricted: Restricted, command: str
) -> None:
    client = restricted.client(SERVICE)
    client.hset("Natal", "quantidade_empresas", "1")
    digest = client.script_load(f"return redis.call({command})")
    with pytest.raises(redis.ResponseError, match=r"permission|ACL|can't run this command"):
        client.evalsha(digest, 0)
    assert client.hgetall("Natal") == {"quantidade_empresas": "1"}


@pytest.mark.parametrize(
    "command",
    [
        "set a 1",
        "hset a b 1",
        "hincrbyfloat a b 1",
        "get ledger:0",
        "incr a",
        "config get *",
        "flushall",
        "mget ledger:0",
        "getrange ledger:0 0 1",
        "dump ledger:0",
        "keys *",
        "del Natal",
        "hdel Natal quantidade_empresas",
        "rename a b",
        "expire Natal 1",
        "eval return(1) 0",
        "script load return(1)",
        "acl list",
        "client list",
        "monitor",
        "publish a b",
        "shutdown",
        "save",
        "replicaof no one",
    ],
)
def test_the_reader_may_only_read_hashes(restricted: Restricted, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        restricted.client(READER).execute_command(*command.split())


def test_the_reader_reads_features(restricted: Restricted) -> None:
    restricted.client(SERVICE).hset("Natal", "quantidade_empresas", "1")
    assert restricted.client(READER).hgetall("Natal") == {"quantidade_empresas": "1"}
    assert list(restricted.client(READER).scan_iter()) == ["Natal"]


def test_nobody_else_gets_in(restricted: Restricted) -> None:
    for user in ("", "city-features:wrong", "default:default"):
        client = redis.Redis.from_url(
            restricted.url(user) if user else restricted.url("").replace("@", "")
        )
        with pytest.raises((redis.AuthenticationError, redis.exceptions.NoPermissionError)):
            client.ping()


@pytest.mark.parametrize(
    ("info", "may_write", "ok"),
    [
        ({"redis_version": "7.0.15"}, True, True),
        ({"redis_version": "7.0.15"}, False, False),
        ({"redis_version": "8.2.3"}, False, False),
        ({"redis_version": "7.0.15"}, None, True),
        ({"redis_version": "8.6.0"}, False, True),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}, False, True),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.0"}, False, False),
        ({"redis_version": "7.2.4", "server_name": "another"}, False, False),
    ],
)
def test_a_server_that_would_lose_commits_at_a_restart_is_told(
    info: dict[str, str], may_write: bool | None, ok: bool
) -> None:
    assert health.replay(info, may_write)[0] is ok
