"""The users of docker/users.acl, on a real server: who may do what, and what a restart keeps."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import redis

from streaming.domain.records import LastAudit
from streaming.jobs import checks, quality, status
from streaming.jobs.arrivals import Arrivals
from streaming.panel import ingestion, snapshot
from streaming.settings import Settings, load
from streaming.store import health, local_server
from streaming.store.store import connect
from tests import oracle
from tests.harness import ROOT, Service, row
from tests.jobs.rebuilding import rebuild

PASSWORD = "0123456789abcdef"
SERVICE = f"city-features:{PASSWORD}"
PANEL_PASSWORD = "fedcba9876543210"
PANEL = f"painel:{PANEL_PASSWORD}"
READER = "leitor:leitor"


class Restricted:
    """A server that knows the users of docker/users.acl."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        rules = (ROOT / "docker" / "users.acl").read_text()
        passwords = {"PASSWORD_SHA256": PASSWORD, "PANEL_SHA256": PANEL_PASSWORD}
        for placeholder, password in passwords.items():
            rules = rules.replace(placeholder, sha256(password.encode()).hexdigest())
        (directory / "users.acl").write_text(rules)
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
    assert status.status(restricted_settings, connect(restricted_settings)).rows["new"] == 3
    assert not [c for c in checks.run(restricted_settings) if not c.ok]


def test_the_service_may_rebuild_and_keep_what_an_audit_found(
    service: Service, restricted: Restricted, restricted_settings: Settings
) -> None:
    mine = Service(service.spark, restricted_settings, restricted.url(SERVICE))
    content = mine.put("a.csv", [row(1), row(2)])
    mine.run()
    rebuild(mine)
    mine.holds(content)
    found = LastAudit("2026-11-26T00:00:00+00:00", 2, 0)
    mine.store().note_audit(found)
    assert mine.store().last_audit() == found
    assert mine.store().ledger_bytes() > 0


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


@pytest.mark.parametrize(
    "command",
    ["set a 1", "hset a b 1", "incr a", "del Natal", "flushall", "eval return(1) 0", "config set a b"],
)
def test_the_panel_may_only_read(restricted: Restricted, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        restricted.client(PANEL).execute_command(*command.split())


def test_the_panel_may_read_all_that_its_pages_show(
    service: Service, restricted: Restricted, restricted_settings: Settings
) -> None:
    mine = Service(service.spark, restricted_settings, restricted.url(SERVICE))
    mine.put("a.csv", [row(1), row(2, cidade="São Paulo", estado="SP")])
    mine.run()
    reading = load(
        **{**restricted_settings.model_dump(), "redis_url": restricted.url(PANEL), "_env_file": None}
    )
    store = connect(reading)
    seen = snapshot.read(store)
    assert (seen.version, {f.key for f in seen.municipalities}) == (1, {"Natal/RN", "São Paulo/SP"})
    page = ingestion.page(reading, store, ingestion.Report(reading), state="", file=None)
    assert (page["version"], page["status"].rows["new"]) == (1, 2)
    assert [check.name for check in page["checks"] if not check.ok] == []
    assert quality.quality(reading, store, lambda outcomes: None).rows.new == 2


def test_the_reader_reads_features(restricted: Restricted) -> None:
    restricted.client(SERVICE).hset("Natal", "quantidade_empresas", "1")
    assert restricted.client(READER).hgetall("Natal") == {"quantidade_empresas": "1"}
    assert list(restricted.client(READER).scan_iter()) == ["Natal"]


def test_the_reader_may_look_for_files_that_arrive(settings: Settings, restricted: Restricted) -> None:
    (settings.landing_zone / "a.csv").write_text(oracle.text([row(1)]))
    os.utime(settings.landing_zone / "a.csv", (1, 1))
    looking = load(**{**settings.model_dump(), "redis_url": restricted.url(READER), "_env_file": None})
    assert [file.path for file in Arrivals(looking).look() or ()] == ["a.csv"]


def test_the_service_may_ask_for_the_time(restricted: Restricted, restricted_settings: Settings) -> None:
    (clock,) = [c for c in checks.run(restricted_settings) if c.name == "redis: clock"]
    assert (clock.ok, clock.detail.endswith(" s apart")) == (True, True)


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
