"""The ranking of municipalities."""

from decimal import Decimal

import pytest

from streaming.jobs.ranking import By, Ranked, ranking
from streaming.store.store import Store
from tests.store.commits import add

BAND = "capital_ate_1000"


@pytest.fixture
def filled(store: Store) -> Store:
    """Two municipalities of one state, one of another, and a city that is none."""
    add(
        store,
        ("Natal", "RN", "2026-01", BAND, 6, "60.00"),
        ("Mossoró", "RN", "2026-01", BAND, 3, "90.00"),
        ("Xanadu", "RN", "2026-01", BAND, 3, "1.00"),
        ("Belém", "PA", "2026-01", BAND, 9, "9.01"),
    )
    return store


def keys(ranked: list[Ranked]) -> list[tuple[int, str, int]]:
    return [(r.posicao, r.municipio, r.posicao_uf) for r in ranked]


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("quantidade_empresas", ["Belém/PA", "Natal/RN", "Mossoró/RN", "Xanadu/RN"]),
        ("capital_social_total", ["Mossoró/RN", "Natal/RN", "Belém/PA", "Xanadu/RN"]),
        ("capital_social_medio", ["Mossoró/RN", "Natal/RN", "Belém/PA", "Xanadu/RN"]),
    ],
)
def test_municipalities_come_in_the_order_of_a_feature(filled: Store, by: By, order: list[str]) -> None:
    assert [r.municipio for r in ranking(filled, by=by)] == order


def test_each_has_its_share_and_place_in_the_state(filled: Store) -> None:
    assert ranking(filled)[1] == Ranked(
        posicao=2,
        municipio="Natal/RN",
        quantidade_empresas=6,
        capital_social_total=Decimal("60.00"),
        capital_social_medio=Decimal("10.00"),
        aberturas_por_10mil_hab=Decimal("0.08"),  # 785,368 people, IBGE's estimate of 2024
        participacao_uf=Decimal("0.5000"),
        posicao_uf=1,
    )
    assert keys(ranking(filled)) == [
        (1, "Belém/PA", 1),
        (2, "Natal/RN", 1),
        (3, "Mossoró/RN", 2),
        (4, "Xanadu/RN", 3),
    ]


def test_a_state_is_ranked_alone(filled: Store) -> None:
    assert keys(ranking(filled, estado="RN")) == [
        (1, "Natal/RN", 1),
        (2, "Mossoró/RN", 2),
        (3, "Xanadu/RN", 3),
    ]


def test_by_people_only_those_with_people_are_ranked(filled: Store) -> None:
    add(filled, ("Boa Esperança do Norte", "MT", "2026-01", BAND, 5, "1.00"))  # not counted yet
    assert [(r.municipio, str(r.aberturas_por_10mil_hab)) for r in ranking(filled, per_people=True)] == [
        ("Mossoró/RN", "0.11"),
        ("Natal/RN", "0.08"),
        ("Belém/PA", "0.06"),
    ]


def test_of_nothing_there_is_no_ranking(store: Store) -> None:
    assert ranking(store) == []
