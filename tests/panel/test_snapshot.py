"""Snapshots: all of one version, whatever is written meanwhile, and whatever Redis does."""

import threading
import time
from decimal import Decimal

import pytest

from streaming.panel import figures, snapshot
from streaming.panel.figures import Period
from streaming.panel.snapshots import PATIENCE, Snapshots
from streaming.settings import Settings
from streaming.store.store import Store, connect
from tests.proxy import Proxy
from tests.store.commits import add

BAND = "capital_ate_1000"


def test_an_empty_redis_has_an_empty_snapshot(store: Store) -> None:
    empty = snapshot.read(store)
    assert (empty.version, empty.municipalities, empty.country, empty.known_months) == (0, [], None, [])


def test_a_snapshot_has_every_level_month_and_band(store: Store) -> None:
    add(
        store,
        ("Natal", "RN", "2026-01", BAND, 2, "10.50"),
        ("Natal", "RN", "2026-02", "capital_0", 1, "0.00"),
        ("Belém", "PA", "2026-02", BAND, 4, "8.00"),
    )
    seen = snapshot.read(store)
    assert {f.key: f.quantidade_empresas for f in seen.municipalities} == {"Natal/RN": 3, "Belém/PA": 4}
    assert {f.estado: f.capital_social_total for f in seen.states} == {
        "RN": Decimal("10.50"),
        "PA": Decimal("8.00"),
    }
    assert seen.country is not None and seen.country.quantidade_empresas == 7
    assert {place: months.openings for place, months in seen.months.items()} == {
        "Natal/RN": {"2026-01": 2, "2026-02": 1},
        "Belém/PA": {"2026-02": 4},
        "RN": {"2026-01": 2, "2026-02": 1},
        "PA": {"2026-02": 4},
        "BR": {"2026-01": 2, "2026-02": 5},
    }
    assert seen.bands == {"Natal/RN": {BAND: 2, "capital_0": 1}, "Belém/PA": {BAND: 4}}
    assert seen.known_months == ["2026-01", "2026-02"]


def test_the_prefix_of_the_features_is_not_seen(settings: Settings, store: Store) -> None:
    prefixed = connect(settings.model_copy(update={"feature_prefix": "teste:"}))
    add(prefixed, ("Natal", "RN", "2026-01", BAND, 2, "10.50"))
    assert [f.key for f in snapshot.read(prefixed).municipalities] == ["Natal/RN"]
    assert snapshot.read(store).municipalities == []


def test_all_of_a_snapshot_is_of_one_version_while_others_write(
    settings: Settings, store: Store
) -> None:
    """Each commit adds one company to each of two places: at no version they differ."""
    rows = [
        (cidade, uf, "2026-01", BAND, 1, "1.00") for cidade, uf in (("Natal", "RN"), ("Belém", "PA"))
    ]
    add(store, *rows)
    stop = threading.Event()

    def write() -> None:
        own = connect(settings)
        while not stop.is_set():
            add(own, *rows)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            seen = snapshot.read(store)
            numbers = {f.quantidade_empresas for f in (*seen.municipalities, *seen.states)}
            months = {m.openings["2026-01"] for place, m in seen.months.items() if place != "BR"}
            assert numbers == months == {seen.version}
            assert seen.country is not None and seen.country.quantidade_empresas == 2 * seen.version
    finally:
        stop.set()
        writer.join()


def test_a_newer_version_is_shown_as_soon_as_it_is_asked_for(settings: Settings, store: Store) -> None:
    add(store, ("Natal", "RN", "2026-01", BAND, 1, "1.00"))
    snapshots = Snapshots(lambda: connect(settings))
    first = snapshots.current().snapshot
    add(store, ("Natal", "RN", "2026-01", BAND, 1, "1.00"))
    deadline = time.monotonic() + 5
    while (second := snapshots.current().snapshot) is first:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert first is not None and second is not None and (first.version, second.version) == (1, 2)


def test_a_flushed_redis_with_the_same_number_of_commits_is_read_anew(
    settings: Settings, store: Store
) -> None:
    add(store, ("Natal", "RN", "2026-01", BAND, 1, "1.00"))
    snapshots = Snapshots(lambda: connect(settings))
    snapshots.current()
    store.client.flushall()
    add(store, ("Belém", "PA", "2026-01", BAND, 1, "1.00"))
    deadline = time.monotonic() + 5
    while [f.key for f in (snapshots.current().snapshot or snapshot.read(store)).municipalities] != [
        "Belém/PA"
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_last_numbers_stay_while_redis_is_away(
    settings: Settings, store: Store, proxy: Proxy
) -> None:
    add(store, ("Natal", "RN", "2026-01", BAND, 1, "1.00"))
    snapshots = Snapshots(lambda: Store(proxy.url, settings, retries=0))
    assert snapshots.current().outage is None
    proxy.close()
    deadline = time.monotonic() + 10
    while snapshots.current().outage is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    began = time.monotonic()
    current = snapshots.current()
    assert time.monotonic() - began < PATIENCE + 0.5
    assert current.snapshot is not None and current.snapshot.version == 1
    assert current.outage is not None and current.since is not None


@pytest.fixture
def two_months(store: Store) -> snapshot.Snapshot:
    add(
        store,
        ("Natal", "RN", "2026-01", BAND, 2, "10.01"),
        ("Natal", "RN", "2026-02", BAND, 1, "5.00"),
        ("Belém", "PA", "2026-02", BAND, 4, "8.00"),
    )
    return snapshot.read(store)


@pytest.mark.parametrize(
    ("period", "states", "expected"),
    [
        (Period(), False, {"Natal/RN": (3, "15.01", "5.00"), "Belém/PA": (4, "8.00", "2.00")}),
        (Period("2026-01", "2026-01"), False, {"Natal/RN": (2, "10.01", "5.01")}),
        (Period("2026-02"), True, {"RN": (1, "5.00", "5.00"), "PA": (4, "8.00", "2.00")}),
        (Period("2027-01"), False, {}),
        (Period("2026-02", "2026-01"), False, {}),
    ],
)
def test_figures_of_a_period_are_the_sums_of_its_months(
    two_months: snapshot.Snapshot,
    period: Period,
    states: bool,
    expected: dict[str, tuple[int, str, str]],
) -> None:
    assert {
        snapshot.place_of(f): (
            f.quantidade_empresas,
            str(f.capital_social_total),
            str(f.capital_social_medio),
        )
        for f in figures.over(period, two_months, states=states)
    } == expected


def test_neighbours_end_where_the_ranking_ends(two_months: snapshot.Snapshot) -> None:
    ranking = figures.ranked(
        two_months, by="quantidade_empresas", period=Period(), estado=None, states=False
    )
    assert [r.municipio for r in figures.around(ranking, "Natal/RN")] == ["Belém/PA", "Natal/RN"]
    assert figures.around(ranking, "Recife/PE") == []


def test_states_are_ranked_by_their_letters_with_their_share_of_the_country(
    two_months: snapshot.Snapshot,
) -> None:
    ranking = figures.ranked(
        two_months, by="quantidade_empresas", period=Period(), estado=None, states=True
    )
    assert [(r.municipio, r.participacao_uf, r.posicao_uf) for r in ranking] == [
        ("PA", Decimal("0.5714"), 1),
        ("RN", Decimal("0.4286"), 2),
    ]
