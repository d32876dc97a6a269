"""Which places are meant by what is typed."""

import pytest

from streaming.panel import search, snapshot
from streaming.panel.snapshot import Snapshot, place_of
from streaming.store.store import Store
from tests.store.commits import add

PLACES = (
    ("São Paulo", "SP", 9),
    ("São Paulo de Olivença", "AM", 2),
    ("Bom Jesus", "RN", 5),
    ("Bom Jesus", "SC", 4),
    ("Bom Jesus da Lapa", "BA", 8),
    ("Xanadu", "RN", 1),
)


@pytest.fixture
def known(store: Store) -> Snapshot:
    rows = ((cidade, uf, "2026-01", "capital_0", number, "0.00") for cidade, uf, number in PLACES)
    add(store, *rows)
    return snapshot.read(store)


@pytest.mark.parametrize(
    ("typed", "places"),
    [
        ("sao paulo", ["São Paulo/SP", "São Paulo de Olivença/AM"]),
        ("SÃO  PAU", ["São Paulo/SP", "São Paulo de Olivença/AM"]),
        ("sao paulo/am", ["São Paulo de Olivença/AM"]),
        ("bom jesus", ["Bom Jesus/RN", "Bom Jesus/SC", "Bom Jesus da Lapa/BA"]),
        ("bom jesus/sc", ["Bom Jesus/SC"]),
        ("3550308", ["São Paulo/SP"]),
        ("0000000", []),
        ("sp", ["SP"]),
        ("xanadu", ["Xanadu/RN"]),
        ("nada", []),
        ("'%*", []),
        ("", []),
        ("/", []),
    ],
)
def test_names_beginnings_codes_and_states_find_places(
    known: Snapshot, typed: str, places: list[str]
) -> None:
    assert [place_of(f) for f in search.matching(known, typed)] == places


@pytest.mark.parametrize(
    ("typed", "certain"),
    [
        ("sao paulo", True),
        ("bom jesus", False),
        ("bom jesus da lap", True),
        ("bom jesus/rn", True),
        ("sao", False),
        ("nada", False),
    ],
)
def test_only_one_place_with_just_that_name_is_certain(
    known: Snapshot, typed: str, certain: bool
) -> None:
    assert search.is_certain(search.matching(known, typed), typed) is certain


def test_a_municipality_without_openings_is_named() -> None:
    assert search.without_openings("sao jose do rio preto") == ["São José do Rio Preto/SP"]
    assert search.without_openings("natal/rn") == ["Natal/RN"]
    assert search.without_openings("Xanadu") == []


def test_a_near_name_is_suggested() -> None:
    assert search.suggestion("Florianopolix") == "Florianópolis"
