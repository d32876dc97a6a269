"""The companies of a place by capital band, and where the median is."""

from decimal import Decimal
from statistics import median_low

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streaming.domain.cells import BANDS
from streaming.errors import CityFeaturesError
from streaming.jobs import bands
from streaming.jobs.bands import Band
from streaming.store.store import Store
from tests.store.commits import add


@pytest.fixture
def filled(store: Store) -> Store:
    """Two municipalities of one state, and one of another."""
    add(
        store,
        ("Natal", "RN", "2025-11", "capital_0", 1, "0.00"),
        ("Natal", "RN", "2026-01", "capital_ate_1000", 4, "400.00"),
        ("Natal", "RN", "2026-01", "capital_acima_de_10000000", 5, "99999999.00"),
        ("Mossoró", "RN", "2025-12", "capital_ate_1000", 2, "2.00"),
        ("Belém", "PA", "2026-02", "capital_0", 8, "0.00"),
    )
    return store


def shown(store: Store, place: str) -> list[tuple[str, int, str, bool]]:
    return [
        (b.faixa, b.quantidade_empresas, str(b.participacao), b.mediana)
        for b in bands.of(store, place)
        if b.quantidade_empresas
    ]


def test_the_median_is_in_the_first_band_with_half_of_the_companies_up_to_it(filled: Store) -> None:
    assert shown(filled, "Natal/RN") == [
        ("capital_0", 1, "0.1000", False),
        ("capital_ate_1000", 4, "0.4000", True),
        ("capital_acima_de_10000000", 5, "0.5000", False),
    ]
    assert [b.faixa for b in bands.of(filled, "Natal/RN")] == list(BANDS)


def test_the_bands_of_a_state_and_of_the_country_are_those_of_municipalities(filled: Store) -> None:
    assert shown(filled, "RN") == [
        ("capital_0", 1, "0.0833", False),
        ("capital_ate_1000", 6, "0.5000", True),
        ("capital_acima_de_10000000", 5, "0.4167", False),
    ]
    assert [(faixa, number) for faixa, number, *_ in shown(filled, "BR")] == [
        ("capital_0", 9),
        ("capital_ate_1000", 6),
        ("capital_acima_de_10000000", 5),
    ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(BANDS), min_size=1, max_size=20))
def test_the_band_of_the_median_is_that_of_plain_python(store: Store, each: list[str]) -> None:
    store.client.flushall()
    add(store, *(("Natal", "RN", "2026-01", b, each.count(b), "1.00") for b in sorted(set(each))))

    (chosen,) = [b.faixa for b in bands.of(store, "Natal/RN") if b.mediana]

    assert chosen == BANDS[median_low([BANDS.index(band) for band in each])]


def test_of_nothing_there_are_no_bands(filled: Store) -> None:
    with pytest.raises(CityFeaturesError, match="no companies of 'AC'"):
        bands.of(filled, "AC")


def test_a_share_is_half_up(store: Store) -> None:
    add(store, ("Natal", "RN", "2026-01", "capital_0", 1, "0.00"))
    add(store, ("Natal", "RN", "2026-01", "capital_ate_1000", 31, "1.00"))
    assert bands.of(store, "BR")[0] == Band("capital_0", 1, Decimal("0.0313"), mediana=False)
