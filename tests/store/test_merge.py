"""The merge script: all or nothing, exact to the cent, and only keys of its own."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pyroaring import BitMap64

from streaming.domain import ledger
from streaming.domain.catalogue import Place, Sums
from streaming.domain.features import Features
from streaming.domain.records import Commit, Record, dump
from streaming.errors import Conflict, KeyRefused, RedisRefused, RedisUnavailable
from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import Store
from tests.harness import dumped, until
from tests.proxy import Proxy

AT = "2026-11-24T12:00:00.000001+00:00"
LATER = "2026-11-24T12:00:01.000001+00:00"
Make = Callable[[redis.Redis, str], None]


def record(version: int = 1) -> Record:
    """Return the record of some file."""
    return Record(10, 20, 3, 3, 0, 0, "ingested", version, AT)


def commit(
    *increments: tuple[str, str, str, int],
    expected: int = 0,
    companies: tuple[int, ...] = (1, 2, 3),
    file: str = "a.csv",
) -> Commit:
    """Return a commit of (cidade, estado, capital, companies) and some companies."""
    return Commit(
        expected,
        AT,
        {Place(cidade, estado): Sums(Decimal(capital), n) for cidade, estado, capital, n in increments},
        ledger.from_ids(np.array(companies, dtype=np.uint64)),
        {file: record(expected + 1)},
    )


def values(store: Store, key: str) -> tuple[str, str, str]:
    """Return total, companies and mean of a key, as any client sees them."""
    found = store.client.hgetall(key)
    fields = (b"capital_social_total", b"quantidade_empresas", b"capital_social_medio")
    return tuple(found[field].decode() for field in fields)  # type: ignore[return-value]


def test_one_commit_writes_features_ledger_records_and_version_in_readable_form(store: Store) -> None:
    increments = ("São Paulo", "SP", "195000.00", 3), ("São Paulo", "PB", "0.10", 1)

    assert store.merge(commit(*increments)) == 1

    client = store.client
    assert {key.decode() for key in client.scan_iter()} == {
        "São Paulo",
        "São Paulo/SP",
        "São Paulo/PB",
        "ingest:version",
        "ingest:commit",
        "ingest:files",
        "ingest:format",
        "ledger:0",
    }
    assert client.hgetall("São Paulo") == {
        b"capital_social_total": b"195000.10",
        b"quantidade_empresas": b"4",
        b"capital_social_medio": b"48750.03",
        b"atualizado_em": AT.encode(),
    }
    assert values(store, "São Paulo/SP") == ("195000.00", "3", "65000.00")
    assert values(store, "São Paulo/PB") == ("0.10", "1", "0.10")
    assert client.get("ingest:version") == b"1"
    assert client.hgetall("ingest:files") == {b"a.csv": dump(record()).encode()}
    assert BitMap64.deserialize(client.get("ledger:0")) == BitMap64([1, 2, 3])
    assert store.version() == 1
    assert store.records() == {"a.csv": record()}
    assert store.companies(["0", "1"]) == {"0": BitMap64([1, 2, 3]), "1": BitMap64()}
    assert store.features("São Paulo") == [
        Features("São Paulo", "São Paulo", None, Decimal("195000.10"), 4, Decimal("48750.03"), AT),
        Features("São Paulo/PB", "São Paulo", "PB", Decimal("0.10"), 1, Decimal("0.10"), AT),
        Features("São Paulo/SP", "São Paulo", "SP", Decimal("195000.00"), 3, Decimal("65000.00"), AT),
    ]


def test_a_later_commit_adds_and_moves_the_instant_of_its_own_cities_only(store: Store) -> None:
    store.merge(commit(("Natal", "RN", "1.01", 1), ("Recife", "PE", "5.00", 1)))
    store.merge(replace(commit(("Natal", "RN", "2.02", 2), expected=1, file="b.csv"), at=LATER))

    assert values(store, "Natal") == ("3.03", "3", "1.01")
    assert store.client.hget("Natal", "atualizado_em") == LATER.encode()
    assert store.client.hget("Recife", "atualizado_em") == AT.encode()
    assert set(store.records()) == {"a.csv", "b.csv"}


def test_cents_are_exact_up_to_nine_quadrillion_reais(store: Store) -> None:
    store.merge(commit(("Natal", "RN", "8999999999999999.98", 1)))
    assert values(store, "Natal") == ("8999999999999999.98", "1", "8999999999999999.98")
    store.merge(commit(("Natal", "RN", "0.01", 1), expected=1))
    assert values(store, "Natal") == ("8999999999999999.99", "2", "4500000000000000.00")
    store.merge(commit(("Natal", "RN", "0.01", 1), expected=2))
    assert values(store, "Natal") == ("9000000000000000.00", "3", "3000000000000000.00")


def test_a_total_beyond_what_is_exact_is_refused_and_nothing_written(store: Store) -> None:
    store.merge(commit(("Natal", "RN", "8999999999999999.99", 1)))
    before = dumped(store.client)

    with pytest.raises(KeyRefused, match=r"'Natal' .*9e15"):
        store.merge(commit(("Belém", "PA", "1.00", 1), ("Natal", "RN", "0.02", 1), expected=1))

    assert dumped(store.client) == before


def test_a_thousand_times_a_tenth_of_a_real_is_a_hundred_reais(store: Store) -> None:
    for expected in range(1000):
        store.merge(commit(("Natal", "RN", "0.10", 1), expected=expected))
    assert values(store, "Natal") == ("100.00", "1000", "0.10")


CAPITAL = st.one_of(
    st.decimals(0, 100, places=2),
    st.decimals(0, Decimal("999999999999.99"), places=2),
    st.decimals(Decimal("8.99e13"), Decimal("9.01e13"), places=2),  # where cents pass 2^53
    st.decimals(Decimal("1e15"), Decimal("2.9e15"), places=2),
)
COMPANIES = st.one_of(st.integers(1, 9), st.integers(1, 70_000_000))


@hypothesis_settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    adds=st.lists(st.tuples(st.sampled_from(["PA", "PB"]), CAPITAL, COMPANIES), max_size=3, min_size=1)
)
def test_totals_and_means_are_those_of_decimal(
    store: Store, adds: list[tuple[str, Decimal, int]]
) -> None:
    store.client.flushall()
    expected: dict[str, tuple[Decimal, int]] = {}
    for n, (estado, capital, companies) in enumerate(adds):
        store.merge(commit(("Belém", estado, str(capital), companies), expected=n))
        for key in ("Belém", f"Belém/{estado}"):
            total, count = expected.get(key, (Decimal(0), 0))
            expected[key] = (total + capital, count + companies)

    for key, (total, count) in expected.items():
        mean = (total / count).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert values(store, key) == (f"{total:.2f}", str(count), f"{mean:.2f}")


@pytest.mark.parametrize(
    ("capital", "companies", "mean"),
    [
        ("0.01", 2, "0.01"),
        ("0.01", 3, "0.00"),
        ("0.03", 2, "0.02"),
        ("0.05", 10, "0.01"),
        ("0.04", 10, "0.00"),
        ("2.67", 2, "1.34"),
        ("0.00", 7, "0.00"),
        ("89999999999999.99", 2, "45000000000000.00"),
        ("89999999999999.97", 2, "44999999999999.99"),
    ],
)
def test_the_mean_is_rounded_half_up(store: Store, capital: str, companies: int, mean: str) -> None:
    store.merge(commit(("Natal", "RN", capital, companies)))
    assert values(store, "Natal") == (capital, str(companies), mean)


@pytest.mark.parametrize("expected", [0, 2])
def test_a_commit_against_another_version_is_a_conflict_and_writes_nothing(
    store: Store, expected: int
) -> None:
    store.merge(commit(("Natal", "RN", "1.00", 1)))
    before = dumped(store.client)

    with pytest.raises(Conflict):
        store.merge(commit(("Natal", "RN", "1.00", 1), expected=expected))

    assert dumped(store.client) == before


def _list(client: redis.Redis, key: str) -> None:
    client.rpush(key, "mine")


def _string(client: redis.Redis, key: str) -> None:
    client.set(key, "mine")


def _hash(client: redis.Redis, key: str) -> None:
    client.hset(key, "mine", "1")


def _no_money(client: redis.Redis, key: str) -> None:
    client.hset(key, mapping={"capital_social_total": "1e5", "quantidade_empresas": "1"})


def _no_count(client: redis.Redis, key: str) -> None:
    client.hset(key, mapping={"capital_social_total": "1.00", "quantidade_empresas": "x"})


def _half(client: redis.Redis, key: str) -> None:
    client.hset(key, mapping={"capital_social_total": "1.00"})


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("São Paulo", _list),
        ("São Paulo", _string),
        ("São Paulo/SP", _string),
        ("São Paulo", _no_money),
        ("São Paulo", _no_count),
        ("São Paulo/SP", _half),
        ("ledger:0", _hash),
        ("ledger:0", _list),
        ("ingest:files", _string),
        ("ingest:files", _list),
        ("ingest:version", _list),
        ("ingest:version", _hash),
    ],
)
def test_a_key_that_is_not_ours_is_named_and_nothing_is_written(
    store: Store, key: str, make: Make
) -> None:
    """The commit's other keys come before and after it; none may be touched."""
    make(store.client, key)
    before = dumped(store.client)

    with pytest.raises(KeyRefused, match=f"'{key}'"):
        store.merge(commit(("Natal", "RN", "1.00", 1), ("São Paulo", "SP", "1.00", 1)))

    assert dumped(store.client) == before


@pytest.mark.parametrize("make", [_list, _string, _hash])
def test_reading_a_version_that_is_not_ours_names_the_key(store: Store, make: Make) -> None:
    make(store.client, "ingest:version")
    with pytest.raises(KeyRefused, match="ingest:version"):
        store.version()


@pytest.mark.parametrize("make", [_list, _string, _hash])
def test_reading_records_that_are_not_ours_names_the_key(store: Store, make: Make) -> None:
    make(store.client, "ingest:files")
    with pytest.raises(KeyRefused, match="ingest:files"):
        store.records()
    if make is not _hash:
        with pytest.raises(KeyRefused, match="ingest:files"):
            store.records(["a.csv"])


def test_a_ledger_block_that_is_no_bitmap_is_named(store: Store) -> None:
    _string(store.client, "ledger:0")

    with pytest.raises(KeyRefused, match="ledger:0"):
        store.companies(["0"])


def test_keys_of_others_are_no_features_and_stop_nothing(store: Store) -> None:
    store.merge(commit(("Natal", "RN", "1.00", 1)))
    _list(store.client, "some list")
    _hash(store.client, "some hash")
    store.client.hset(b"\xff\xfe", "a", "b")
    store.client.set(b"\xff", "x")

    assert [f.key for f in store.features()] == ["Natal", "Natal/RN"]


def test_a_prefix_isolates_everything(store: Store, settings: Settings, server_url: str) -> None:
    prefixed = Store(server_url, settings.model_copy(update={"feature_prefix": "test[1]:*"}))
    store.merge(commit(("Natal", "RN", "1.00", 1)))
    before = dumped(store.client)

    assert (prefixed.version(), prefixed.records(), prefixed.features()) == (0, {}, [])
    assert prefixed.companies(["0"]) == {"0": BitMap64()}
    prefixed.merge(commit(("Natal", "RN", "5.00", 2), ("Belém", "PA", "1.00", 1)))

    after = dumped(store.client)
    assert {key: after[key] for key in before} == before
    assert all(key.startswith(b"test[1]:*") for key in after.keys() - before.keys())
    assert [f.key for f in prefixed.features()] == ["Belém", "Belém/PA", "Natal", "Natal/RN"]
    assert [f.key for f in prefixed.features("Natal")] == ["Natal", "Natal/RN"]
    assert [f.key for f in store.features()] == ["Natal", "Natal/RN"]
    assert values(store, "test[1]:*Natal") == ("5.00", "2", "2.50")


def test_a_script_cache_flushed_before_a_merge_is_fine(store: Store) -> None:
    store.merge(commit(("Natal", "RN", "1.00", 1)))
    store.client.script_flush()
    assert store.merge(commit(("Natal", "RN", "1.00", 1), expected=1)) == 2
    assert values(store, "Natal") == ("2.00", "2", "1.00")


def test_a_lost_reply_of_a_merge_is_a_conflict_to_its_retry(
    store: Store, settings: Settings, proxy: Proxy
) -> None:
    """The client sends the script again by itself; the second time must not add."""
    lossy = Store(proxy.url, settings)
    proxy.swallow(1)

    with pytest.raises(Conflict):
        lossy.merge(commit(("Natal", "RN", "1.00", 1)))

    assert (proxy.swallowed, proxy.scripts) == (1, 2)
    assert values(store, "Natal") == ("1.00", "1", "1.00")


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
        ["~ingest:*", "~ledger:*", "+@all"],
        ["%R~ledger:*", "~ingest:*", "~Natal*", "+@all"],
    ],
    ids=["read only", "no scripts", "no HINCRBYFLOAT", "no SET", "no HSET", "no features", "no ledger"],
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
    assert len(written) == (10_003 if merged else 0)


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
