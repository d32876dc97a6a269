"""The merge script: all or nothing, exact to the cent, and only keys of its own."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from streaming.domain.cells import Cell, Sums
from streaming.domain.features import Features
from streaming.domain.records import Commit, dump
from streaming.errors import Conflict, KeyRefused
from streaming.settings import Settings
from streaming.store.store import Store
from tests.examples import examples
from tests.harness import dumped
from tests.proxy import Proxy
from tests.store.commits import AT, commit, record, values

LATER = "2026-11-24T12:00:01.000001+00:00"


def test_one_commit_writes_features_ledger_records_and_version_in_readable_form(store: Store) -> None:
    increments = ("São Paulo", "SP", "195000.00", 3), ("São Paulo", "PB", "0.10", 1)

    assert store.merge(commit(*increments)) == 1

    client = store.client
    assert {key.decode() for key in client.scan_iter()} == {
        "São Paulo",
        "São Paulo/SP",
        "São Paulo/PB",
        "estado:SP",
        "estado:PB",
        "pais:BR",
        "mensal:São Paulo/SP",
        "mensal:São Paulo/PB",
        "mensal:estado:SP",
        "mensal:estado:PB",
        "mensal:pais:BR",
        "faixas:São Paulo/SP",
        "faixas:São Paulo/PB",
        "ranking:quantidade_empresas",
        "ranking:capital_social_total",
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
    assert client.hget("São Paulo/SP", "codigo_ibge") == b"3550308"
    assert not client.hexists("São Paulo/PB", "codigo_ibge")  # there is no such municipality
    assert values(store, "pais:BR") == ("195000.10", "4", "48750.03")
    assert client.hgetall("mensal:estado:SP") == {
        b"2026-10:capital_social_total": b"195000.00",
        b"2026-10:quantidade_empresas": b"3",
    }
    assert client.hgetall("faixas:São Paulo/SP") == {b"capital_0": b"3"}
    assert client.zrange("ranking:capital_social_total", 0, -1, withscores=True) == [
        ("São Paulo/PB".encode(), 0.1),
        ("São Paulo/SP".encode(), 195000.0),
    ]
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
    examples(200),
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


def test_more_months_than_one_command_takes_are_all_added(store: Store) -> None:
    months = [f"{year}-{month:02d}" for year in range(1800, 2027) for month in range(1, 13)]
    added = {
        Cell("Natal", "RN", month, "capital_ate_1000"): Sums(Decimal(n) / 100, n + 1)
        for n, month in enumerate(months)
    }
    for version in range(2):
        store.merge(Commit(version, AT, added, {}, {}))

    expected = {
        f"{month}:{field}".encode(): value.encode()
        for n, month in enumerate(months)
        for field, value in (
            ("capital_social_total", f"{Decimal(n) / 50:.2f}"),
            ("quantidade_empresas", str(2 * n + 2)),
        )
    }
    for key in ("mensal:Natal/RN", "mensal:estado:RN", "mensal:pais:BR"):
        assert store.client.hgetall(key) == expected


@pytest.mark.parametrize("field", ["2026-11:quantidade_empresas", "2026-11:capital_social_total"])
def test_a_month_that_holds_something_else_is_named_and_nothing_written(
    store: Store, field: str
) -> None:
    cell = Cell("Natal", "RN", "2026-10", "capital_0")
    added = {cell: Sums(companies=1), cell._replace(mes="2026-11"): Sums(companies=1)}
    store.merge(Commit(0, AT, added, {}, {}))
    store.client.hset("mensal:estado:RN", field, "much")
    before = dumped(store.client)

    with pytest.raises(KeyRefused, match=f"mensal:estado:RN.*{field}"):
        store.merge(Commit(1, AT, added, {}, {}))

    assert dumped(store.client) == before
