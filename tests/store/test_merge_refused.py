"""A merge that the server refuses, or does not answer: whole or not at all."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from pydantic import SecretStr

from streaming.errors import RedisRefused, RedisUnavailable
from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import Store
from tests.harness import dumped, until
from tests.proxy import Proxy
from tests.store.commits import commit, values


def test_no_server_is_told_in_bounded_time_without_the_password(
    settings: Settings, proxy: Proxy
) -> None:
    url = proxy.url.replace("redis://", "redis://maria:s3cr3t@")
    proxy.close()
    named = settings.model_copy(update={"redis_url": SecretStr(url)})
    store = Store(url, named, retries=2)

    with pytest.raises(RedisUnavailable) as raised:
        store.merge(commit(("Natal", "RN", "1.00", 1)))

    assert "does not answer" in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert "maria" not in str(raised.value)


@pytest.fixture
def user(store: Store, server_url: str) -> Iterator[tuple[str, str]]:
    """A user of the server: its name, and a URL with its password."""
    name = f"u{uuid4().hex[:8]}"
    place = server_url.removeprefix("redis://")
    yield name, f"redis://{name}:s3cr3t-{name}@{place}"
    store.client.acl_deluser(name)


@pytest.mark.parametrize(
    "rules",
    [
        ["~*", "+@read", "+@connection"],
        ["~*", "+@all", "-@scripting"],
        ["~*", "+@all", "-hincrbyfloat"],
        ["~*", "+@all", "-set"],
        ["~*", "+@all", "-hset"],
        ["~*", "+@all", "-zadd"],
        ["~*", "+@all", "-hset", "(+hset ~ingest:* ~Natal*)"],
        ["~ingest:*", "~ledger:*", "+@all"],
        ["%R~ledger:*", "~ingest:*", "~Natal*", "+@all"],
    ],
    ids=[
        "read only",
        "no scripts",
        "no HINCRBYFLOAT",
        "no SET",
        "no HSET",
        "no ZADD",
        "HSET of some",
        "no features",
        "no ledger",
    ],
)
def test_a_user_without_permission_is_refused_nothing_written_and_no_password_told(
    store: Store, settings: Settings, user: tuple[str, str], rules: list[str]
) -> None:
    name, url = user
    store.client.execute_command("ACL", "SETUSER", name, "on", f">s3cr3t-{name}", *rules)
    store.merge(commit(("Natal", "RN", "1.00", 1)))
    before = dumped(store.client)
    limited = Store(url, settings.model_copy(update={"redis_url": SecretStr(url)}))

    with pytest.raises(RedisRefused) as raised:
        limited.merge(commit(("Natal", "RN", "1.00", 1), expected=1))

    assert "s3cr3t" not in str(raised.value)
    assert dumped(store.client) == before


def test_a_wrong_password_is_refused_and_not_told(settings: Settings, user: tuple[str, str]) -> None:
    _, url = user
    store = Store(url, settings.model_copy(update={"redis_url": SecretStr(url)}), retries=1)

    with pytest.raises(RedisRefused, match="user or password") as raised:
        store.version()

    assert "s3cr3t" not in str(raised.value)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a server whose settings a test may change."""
    directory = tmp_path_factory.mktemp("own")
    local_server.url(directory)
    yield directory
    local_server.stop(directory)


@pytest.fixture
def own(directory: Path) -> Iterator[Store]:
    """The store of that server, empty; its settings are put back."""
    made = Store(local_server.url(directory), load(_env_file=None, redis_dir=directory))
    made.client.flushall()
    yield made
    made.client.config_set("maxmemory", "0")
    made.client.execute_command("REPLICAOF", "NO", "ONE")


def test_a_full_memory_refuses_whole_and_the_next_merge_completes(own: Store) -> None:
    own.merge(commit(("Natal", "RN", "1.00", 1)))
    before = dumped(own.client)
    own.client.config_set("maxmemory", "1mb")
    with pytest.raises(redis.ResponseError):
        own.client.set("filler", b"x")

    next_ = commit(("Natal", "RN", "2.00", 1), ("Belém", "PA", "1.00", 1), expected=1, file="b.csv")
    with pytest.raises(RedisRefused, match=r"(?i)memory"):
        own.merge(next_)

    assert dumped(own.client) == before
    own.client.config_set("maxmemory", "0")
    assert own.merge(next_) == 2
    assert values(own, "Natal") == ("3.00", "2", "1.50")


def test_memory_that_runs_out_during_a_merge_leaves_nothing_half_done(own: Store) -> None:
    used = int(own.client.info("memory")["used_memory"])
    own.client.config_set("maxmemory", str(used + 300_000))
    many = [(f"Cidade {n:05d}", "RN", f"{n}.01", 1) for n in range(5000)]
    merged = False
    try:
        own.merge(commit(*many))
        merged = True
    except RedisRefused:
        pass

    own.client.config_set("maxmemory", "0")
    written = list(own.client.scan_iter())
    # Four keys a city; state, country and their months; two rankings; five others.
    assert len(written) == (4 * 5000 + 4 + 2 + 5 if merged else 0)


def test_a_replica_is_refused_and_nothing_written(own: Store) -> None:
    own.merge(commit(("Natal", "RN", "1.00", 1)))
    own.client.execute_command("REPLICAOF", "127.0.0.1", "1")
    own.client.config_set("replica-serve-stale-data", "yes")

    with pytest.raises(RedisRefused):
        own.merge(commit(("Natal", "RN", "1.00", 1), expected=1))

    assert values(own, "Natal") == ("1.00", "1", "1.00")


def test_what_was_merged_is_there_after_the_server_was_killed(own: Store, directory: Path) -> None:
    own.merge(commit(("Natal", "RN", "1.00", 1)))
    before = dumped(own.client)
    pid = int(own.client.info("server")["process_id"])
    os.kill(pid, signal.SIGKILL)
    until(lambda: local_server.running(directory) is None, what="the end of the server")

    assert dumped(redis.Redis.from_url(local_server.url(directory))) == before
