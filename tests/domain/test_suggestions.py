"""Suggestions: what a name that is no municipality may have meant."""

import random
import subprocess
import sys

import pytest

from streaming.domain import municipalities, suggestions
from streaming.domain.suggestions import UnknownPlace, UnknownPlaces, suggestion


@pytest.mark.parametrize(
    ("cidade", "uf", "expected"),
    [
        ("São Palo", "SP", "São Paulo"),
        ("SAO POLO", "SP", None),  # 80 of 100 is not near
        ("Belo Horizonti", "MG", "Belo Horizonte"),
        ("Santa Maria d'Oeste", "SP", None),  # nothing is near
        ("Santana da Ponta Preta", "SP", None),  # Santana da Ponte Pensa is nearest, and not near
        ("São João do Oest", "PR", None),  # two names are nearly as near
        ("sao paulo", "SP", "São Paulo"),  # it is one, in other letters
        ("Moji Mirim", "SP", "Mogi Mirim"),  # an alias
        ("Springfield", "SP", None),
        ("", "SP", None),
        ("東京", "SP", None),
        ("São Palo", None, "São Paulo"),
        ("Moji Mirim", None, "Mogi Mirim"),
        ("Bom Jesus da Lappa", None, "Bom Jesus da Lapa"),
        ("Santa Terezinh", None, "Santa Terezinha"),  # in five states, but one name
    ],
)
def test_a_name_is_suggested_where_it_alone_is_near(
    cidade: str, uf: str | None, expected: str | None
) -> None:
    assert suggestion(cidade, uf) == expected


def likeness(one: str, other: str) -> float:
    """Return twice the letters of the longest common subsequence, in per cent of the letters of both."""
    row = [0] * (len(other) + 1)
    for letter in one:
        before = 0
        for place, theirs in enumerate(other, 1):
            above = row[place]
            row[place] = before + 1 if letter == theirs else max(above, row[place - 1])
            before = above
    return 200 * row[-1] / (len(one) + len(other))


def mistyped(chance: random.Random, name: str) -> str:
    """Return a name with a letter too many, too few or wrong, once or twice."""
    letters = list(name)
    for _ in range(chance.choice([1, 1, 2])):
        place = chance.randrange(len(letters))
        letters[place : place + chance.choice([0, 1])] = chance.choice(["", "a", "r", "x"])
    return "".join(letters)


def test_a_suggestion_is_the_only_near_one_and_never_another_for_a_typo() -> None:
    chance = random.Random(20261126)
    suggested = 0
    for municipality in chance.sample(municipalities.every(), 60):
        typed, uf = mistyped(chance, municipality.nome), municipality.uf
        if municipalities.resolve(typed, uf):
            continue
        of_state = [m for m in municipalities.every() if m.uf == uf]
        second, first = sorted(
            (likeness(municipalities.letters(typed), municipalities.letters(m.nome)), m.nome)
            for m in of_state
        )[-2:]
        is_sure = first[0] >= 85 and first[0] - second[0] >= 5
        assert suggestion(typed, uf) == (first[1] if is_sure else None), typed
        assert suggestion(typed, uf) in (None, municipality.nome), typed
        suggested += is_sure
    assert suggested > 40


def test_a_name_of_other_states_is_said_to_be_theirs() -> None:
    # In GO it is an alias, of Bom Jesus de Goiás.
    assert suggestions.elsewhere("BOM JESUS", "SP") == ["GO", "PB", "PI", "RN", "RS", "SC"]
    assert suggestions.elsewhere("Bom Jesus", "PB") == ["GO", "PI", "RN", "RS", "SC"]
    assert suggestions.elsewhere("Springfield", "SP") == []


def test_unknown_places_are_listed_the_largest_first_and_the_others_counted() -> None:
    scores = {
        "São Paulo/SP": 900.0,
        "São Palo/SP": 3.0,
        "Springfield/SP": 7.0,
        "Belo Horizonte/SP": 3.0,
        "Xanadu/RN": 1.0,
    }
    assert suggestions.unknown(scores, 3) == UnknownPlaces(
        4,
        14,
        [
            UnknownPlace("Springfield/SP", 7, None, []),
            UnknownPlace("Belo Horizonte/SP", 3, None, ["MG"]),
            UnknownPlace("São Palo/SP", 3, "São Paulo", []),
        ],
    )
    assert suggestions.unknown(scores, None).first[3:] == [UnknownPlace("Xanadu/RN", 1, None, [])]
    assert suggestions.unknown({"São Paulo/SP": 1.0}, 10) == UnknownPlaces(0, 0, [])


def test_a_name_in_several_states_has_a_municipality_in_each() -> None:
    assert [m.key for m in suggestions.meant("brasilia", None)] == ["Brasília/DF"]
    assert [m.uf for m in suggestions.meant("Embu", None)] == ["SP"]
    assert suggestions.meant("Brasilia", "SP") == []


def test_a_run_does_not_load_what_compares_names() -> None:
    modules = "streaming.app.cli, streaming.jobs.run, streaming.jobs.status, streaming.pipeline.stream"
    code = f"import sys, {modules}; sys.exit('rapidfuzz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
