"""Which places in Redis a name means, as people type it."""

import pytest

from streaming.errors import CityFeaturesError
from streaming.jobs import places
from streaming.settings import Settings
from streaming.store.store import Store
from tests.harness import Program
from tests.store.commits import commit


@pytest.fixture
def filled(store: Store) -> Store:
    """Municipalities, one name in two states, and names that are no municipality."""
    store.merge(
        commit(
            ("São Paulo", "SP", "1.00", 1),
            ("Mogi Mirim", "SP", "1.00", 1),
            ("Bom Jesus", "PB", "1.00", 1),
            ("Bom Jesus", "PI", "1.00", 1),
            ("Vila Xanadu", "RN", "1.00", 1),
            ("SAO PAULO", "RN", "1.00", 1),
            ("東京", "RN", "1.00", 1),
        )
    )
    return store


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("São Paulo", ["São Paulo", "São Paulo/SP"]),
        ("sao paulo", ["São Paulo", "São Paulo/SP"]),
        ("SAO PAULO", ["SAO PAULO", "SAO PAULO/RN", "São Paulo", "São Paulo/SP"]),
        ("São Paulo/SP", ["São Paulo/SP"]),
        ("sao paulo/sp", ["São Paulo/SP"]),
        ("Sao-Paulo / Sp", ["São Paulo/SP"]),
        ("sao paulo/rn", ["SAO PAULO/RN"]),
        ("moji mirim", ["Mogi Mirim", "Mogi Mirim/SP"]),
        ("bom jesus", ["Bom Jesus", "Bom Jesus/PB", "Bom Jesus/PI"]),
        ("bom jesus/pi", ["Bom Jesus/PI"]),
        ("vila xanadu", ["Vila Xanadu", "Vila Xanadu/RN"]),
        ("VILA XANADU/RN", ["Vila Xanadu/RN"]),
        ("東京", ["東京", "東京/RN"]),
        ("estado:SP", ["estado:SP"]),
    ],
)
def test_a_name_means_its_keys_however_it_is_typed(filled: Store, typed: str, keys: list[str]) -> None:
    assert [f.key for f in places.features(filled, typed)] == keys


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("Sao Palo", " did you mean São Paulo?"),
        ("sao palo/sp", " did you mean São Paulo/SP?"),
        ("recife", ""),
        ("Belo Horizonte/SP", " it exists in MG;"),
        ("Shangri-La", ""),
        ("京都", ""),
        ("", ""),
    ],
)
def test_where_nothing_is_found_the_nearest_name_is_said(filled: Store, typed: str, hint: str) -> None:
    with pytest.raises(CityFeaturesError) as error:
        places.features(filled, typed)
    expected = f"no features of {typed!r};{hint} city-features show lists all there are"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("BR", "BR"),
        ("br", "BR"),
        ("sp", "SP"),
        ("São Paulo/SP", "São Paulo/SP"),
        ("sao paulo/sp", "São Paulo/SP"),
        ("sao paulo", "São Paulo/SP"),
        ("vila xanadu", "Vila Xanadu/RN"),
    ],
)
def test_a_place_is_one_municipality_a_state_or_the_country(
    filled: Store, typed: str, place: str
) -> None:
    assert places.place(filled, typed) == place


def test_a_name_of_several_states_is_no_place_until_a_state_is_said(filled: Store) -> None:
    with pytest.raises(CityFeaturesError) as error:
        places.place(filled, "bom jesus")
    several = "'bom jesus' is in several states: say which of Bom Jesus/PB, Bom Jesus/PI"
    assert str(error.value) == several
    with pytest.raises(CityFeaturesError, match=r"^'estado:SP' is no place$"):
        places.place(filled, "estado:SP")


def test_the_program_shows_a_city_and_its_months_as_they_are_typed(
    filled: Store, settings: Settings, program: Program
) -> None:
    shown = program.inside.json("show", "sao paulo")["features"]
    assert [feature["key"] for feature in shown] == ["São Paulo", "São Paulo/SP"]
    month = {
        "mes": "2026-10",
        "quantidade_empresas": 1,
        "capital_social_total": "1.00",
        "media_movel_3m": None,
    }
    assert program.inside.json("show", "--mensal", "sao paulo/sp") == {
        "lugar": "São Paulo/SP",
        "meses": [month],
    }
    refused = program.inside("show", "--mensal", "sao palo/sp", code=1).stderr
    assert refused == (
        "error: no features of 'sao palo/sp'; did you mean São Paulo/SP? "
        "city-features show lists all there are\n"
    )
