"""Keys that hold something else: named, and nothing is written."""

from collections.abc import Callable

import pytest
import redis
from pyroaring import BitMap64

from streaming.errors import KeyRefused
from streaming.settings import Settings
from streaming.store.store import Store
from tests.harness import dumped
from tests.store.commits import commit, values

NATAL = ["Natal", "Natal/RN", "estado:RN", "pais:BR"]

Make = Callable[[redis.Redis, str], None]


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

    assert [f.key for f in store.features()] == NATAL


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
    assert [f.key for f in prefixed.features()] == [
        *("Belém", "Belém/PA", "Natal", "Natal/RN"),
        *("estado:PA", "estado:RN", "pais:BR"),
    ]
    assert [f.key for f in prefixed.features("Natal")] == ["Natal", "Natal/RN"]
    assert [f.key for f in store.features()] == NATAL
    assert values(store, "test[1]:*Natal") == ("5.00", "2", "2.50")
