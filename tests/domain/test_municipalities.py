"""The municipalities: every one of them, and which a spelling means."""

import random
import re
import unicodedata
from collections import Counter

import pytest

from streaming.domain import municipalities
from streaming.domain.cells import UFS
from streaming.domain.municipalities import Municipality, resolve

PARTICLE = re.compile(r"\b(de|da|do|das|dos|d)\b", re.IGNORECASE)


def name(cidade: str, uf: str) -> str | None:
    municipality = resolve(cidade, uf)
    return municipality and municipality.nome


def test_there_are_5571_in_27_states_with_one_capital_each() -> None:
    every = municipalities.every()
    assert (
        len(every) == len({m.codigo_ibge for m in every}) == len({m.codigo_siafi for m in every}) == 5571
    )
    assert {m.uf for m in every} == set(UFS)
    assert Counter(m.uf for m in every if m.capital) == Counter(UFS)


def test_populations_add_up_to_those_of_the_census_and_the_estimate() -> None:
    every = municipalities.every()
    assert sum(m.populacao_2022 or 0 for m in every) == 203_080_756
    assert sum(m.populacao_2024 or 0 for m in every) == 212_583_750
    assert [m.key for m in every if m.population is None] == ["Boa Esperança do Norte/MT"]


@pytest.mark.parametrize(
    ("cidade", "uf", "expected"),
    [
        ("São Paulo", "SP", "São Paulo"),
        ("SAO PAULO", "SP", "São Paulo"),
        ("sao  paulo ", "SP", "São Paulo"),
        ("SãoPaulo", "SP", "São Paulo"),
        ("Sa\u0303o Paulo", "SP", "São Paulo"),
        ("Santa Bárbara d'Oeste", "SP", "Santa Bárbara d'Oeste"),
        ("SANTA BARBARA D OESTE", "SP", "Santa Bárbara d'Oeste"),
        ("Santa Barbara dOeste", "SP", "Santa Bárbara d'Oeste"),
        ("Santa Bárbara do Oeste", "SP", "Santa Bárbara d'Oeste"),
        ("Santa Bárbara d’Oeste", "SP", "Santa Bárbara d'Oeste"),
        ("Santa Bárbara d´Oeste", "SP", "Santa Bárbara d'Oeste"),
        ("Xique Xique", "BA", "Xique-Xique"),
        ("Mogi das Cruzes", "SP", "Mogi das Cruzes"),
        ("Mogi Cruzes", "SP", "Mogi das Cruzes"),
        ("Moji Mirim", "SP", "Mogi Mirim"),  # an alias
        ("Ceilândia", "DF", "Brasília"),  # the Federal District is one municipality
        ("São Paulo", "RJ", None),
        ("Springfield", "SP", None),
        ("", "SP", None),
        ("de", "SP", None),
        ("東京", "SP", None),
    ],
)
def test_a_spelling_means_the_municipality_with_its_letters(
    cidade: str, uf: str, expected: str | None
) -> None:
    assert name(cidade, uf) == expected


def spelled(chance: random.Random, municipality: Municipality) -> str:
    """Return a name as somebody might write it: without accents, marks, spaces or particles."""
    text = municipality.nome
    if chance.random() < 0.5:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if chance.random() < 0.5:
        text = text.replace("'", chance.choice(["", " ", "’", "´"]))
    if chance.random() < 0.5:
        text = PARTICLE.sub(lambda match: chance.choice(["", match.group()]), text)
    if chance.random() < 0.5:
        text = text.replace("-", chance.choice(["", " ", "–"]))
    if chance.random() < 0.3:
        text = text.replace(" ", chance.choice(["", "  ", "\u00a0", "_"]))
    return chance.choice([str, str.upper, str.lower, str.title])(f" {text}")


def test_every_municipality_is_known_however_it_is_written() -> None:
    chance = random.Random(20261126)
    for municipality in municipalities.every():
        for _ in range(5):
            text = spelled(chance, municipality)
            assert resolve(text, municipality.uf) == municipality, text


def test_every_alias_means_a_municipality_of_its_state() -> None:
    for row in municipalities._rows("aliases.csv"):
        municipality = resolve(row["spelling"], row["uf"])
        assert municipality is not None and municipality.codigo_ibge == row["codigo_ibge"], row
