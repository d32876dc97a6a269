"""The rules of companies.sql for cidade and estado."""

import string

import pytest

from tests.reading.rules import GOOD, KEY, reason, reasons, summary

STATES = [
    "AC",
    "AL",
    "AM",
    "AP",
    "BA",
    "CE",
    "DF",
    "ES",
    "GO",
    "MA",
    "MG",
    "MS",
    "MT",
    "PA",
    "PB",
    "PE",
    "PI",
    "PR",
    "RJ",
    "RN",
    "RO",
    "RR",
    "RS",
    "SC",
    "SE",
    "SP",
    "TO",
]


@pytest.mark.parametrize(
    ("cidade", "key"),
    [
        ("São Paulo", "São Paulo"),
        ("  São   Paulo ", "São Paulo"),
        ("São\u00a0Paulo", "São Paulo"),
        ("\u00a0São \u00a0\u3000 Paulo\u2003", "São Paulo"),
        ("Sa\u0303o Paulo", "São Paulo"),  # decomposed, as macOS writes it
        ("SÃO PAULO", "São Paulo"),
        ("SÃO PAULINHO", "SÃO PAULINHO"),  # of what is no municipality, letter case is the source's
        ("Mirassol d'Oeste", "Mirassol d'Oeste"),
        ('Passa "e" Fica', 'Passa "e" Fica'),
        ("Embu-Guaçu, Zona Sul; SP", "Embu-Guaçu, Zona Sul; SP"),
        ("X" * 120, "X" * 120),
        (" " + "X" * 120 + "  ", "X" * 120),
        ("é" * 120, "é" * 120),  # characters, not bytes
        ("e\u0301" * 120, "é" * 120),  # as it is counted: composed
        ("東京", "東京"),
        ("🏙" * 120, "🏙" * 120),
        ("null", "null"),
    ],
)
def test_city_names_are_trimmed_collapsed_and_composed(cidade: str, key: str) -> None:
    assert reason(cidade=cidade) is None
    assert [(p["cidade"], p["fits"]) for p in summary([GOOD | {"cidade": cidade}])] == [(key, True)]


CONTROL = "cidade: control character"


@pytest.mark.parametrize(
    ("cidade", "expected"),
    [
        ("", "cidade: missing"),
        ("   ", "cidade: missing"),
        ("\u00a0\u3000", "cidade: missing"),
        ("X" * 121, "cidade: longer than 120 characters"),
        ("é" * 121, "cidade: longer than 120 characters"),
        ("X" * 60 + " " + "X" * 60, "cidade: longer than 120 characters"),
        ("ingest:files", KEY),
        ("ledger:1", KEY),
        ("São Paulo/SP", KEY),
        ("{São Paulo", KEY),
        ("São Paulo}", KEY),
        ("São\tPaulo", CONTROL),
        ("São\nPaulo", CONTROL),
        ("São\r\nPaulo", CONTROL),
        ("São\x00Paulo", CONTROL),
        ("\x01", CONTROL),
        ("São\x1bPaulo", CONTROL),
        ("São\x7fPaulo", CONTROL),
        ("São\x85Paulo", CONTROL),
        ("\ufeffSão Paulo", CONTROL),
        ("São\u200bPaulo", CONTROL),
        ("São\u202ePaulo", CONTROL),
    ],
)
def test_a_city_that_could_not_be_a_key_is_rejected(cidade: str, expected: str) -> None:
    assert reason(cidade=cidade) == expected
    assert [p["fits"] for p in summary([GOOD | {"cidade": cidade}])] == [False]


def test_exactly_the_27_states_fit() -> None:
    pairs = [a + b for a in string.ascii_uppercase for b in string.ascii_uppercase]

    why = reasons(GOOD | {"estado": pair} for pair in pairs)

    assert len(STATES) == 27
    assert [pair for pair, reason in zip(pairs, why, strict=True) if reason is None] == STATES
    assert set(why) == {None, "estado: not one of the 27"}


@pytest.mark.parametrize(
    ("estado", "expected"),
    [
        (" SP ", None),
        ("\tSP", None),
        ("", "estado: missing"),
        (" ", "estado: missing"),
        ("sp", "estado: not one of the 27"),
        ("Sp", "estado: not one of the 27"),
        ("SPA", "estado: not one of the 27"),
        ("S P", "estado: not one of the 27"),
        ("São Paulo", "estado: not one of the 27"),
        ("S\u0050\u200b", "estado: not one of the 27"),
        ("BR", "estado: not one of the 27"),
    ],
)
def test_a_state_is_one_of_the_27_in_capitals(estado: str, expected: str | None) -> None:
    assert reason(estado=estado) == expected


@pytest.mark.parametrize(
    ("municipios", "expected"), [("official", {"São Paulo": True, "Xanadu": False}), ("off", None)]
)
def test_a_city_is_unrecognised_only_where_cities_are_recognised(
    municipios: str, expected: dict[str, bool] | None
) -> None:
    rows = summary([GOOD, GOOD | {"cidade": "Xanadu"}], municipios=municipios)
    recognised = {row["cidade"]: row["recognised"] for row in rows}
    assert recognised == (expected or {"São Paulo": True, "Xanadu": True})
