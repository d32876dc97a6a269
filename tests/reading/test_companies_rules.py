"""The rules of companies.sql, row by row: every reason of the quarantine, and its boundaries."""

import random
import string
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.reading import engine
from streaming.reading.messages import TaskResources
from tests.examples import examples

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
GOOD = {
    "cnpj": "11222333000181",
    "data_abertura": "2024-01-31",
    "cidade": "São Paulo",
    "estado": "SP",
    "capital_social": "1000.00",
}
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

Row = dict[str, str]

connection = engine.connect(TaskResources())


def fill(rows: Iterable[Row]) -> None:
    """Make raw hold these rows, their numbers as their text."""
    table = pa.Table.from_pylist([row | {"text": str(n), "file": 0} for n, row in enumerate(rows)])
    connection.register("filled", table)
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS FROM filled")


def reasons(
    rows: Iterable[Row], *, brazilian: bool = False, strict: bool = False, now: datetime = NOW
) -> list[str | None]:
    """Return why each row does not fit, None where it does."""
    rows = list(rows)
    fill(rows)
    found = connection.execute("FROM rows_rejected(?, ?, ?)", [brazilian, now, strict]).fetchall()
    by_line = {int(text): reason for _, reason, text in found}
    assert len(by_line) == len(found)
    assert None not in by_line.values(), "a rejected row has a reason"
    return [by_line.get(line) for line in range(len(rows))]


def reason(brazilian: bool = False, strict: bool = False, **values: str) -> str | None:
    return reasons([GOOD | values], brazilian=brazilian, strict=strict)[0]


def summary(rows: Iterable[Row], *, brazilian: bool = False, strict: bool = False) -> list[Row]:
    fill(rows)
    relation = connection.sql("FROM summary(?, ?, ?)", params=[brazilian, NOW, strict])
    return relation.to_arrow_table().to_pylist()


# Check digits the way the Receita Federal writes them down, one character at a time.
def digits_of(twelve: str) -> str:
    for _ in range(2):
        weights = [2 + i % 8 for i in range(len(twelve))]
        total = sum((ord(c) - 48) * w for c, w in zip(reversed(twelve), weights, strict=True))
        twelve += str(0 if total % 11 < 2 else 11 - total % 11)
    return twelve[-2:]


def punctuated(cnpj: str) -> str:
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"


# cnpj


@pytest.mark.parametrize(
    "cnpj",
    [
        "11222333000181",
        "11.222.333/0001-81",
        "00000000000191",
        "00000000000000",
        "12ABC34501DE35",
        "12.ABC.345/01DE-35",
        "ZZZZZZZZZZZZ00",
        " 11222333000181\t",
        "\t12.ABC.345/01DE-35 ",
    ],
)
def test_a_cnpj_of_either_form_punctuated_or_bare_fits(cnpj: str) -> None:
    assert reason(cnpj=cnpj) is None


@pytest.mark.parametrize(
    ("cnpj", "expected"),
    [
        ("", "cnpj: missing"),
        ("   ", "cnpj: missing"),
        ("\t", "cnpj: missing"),
        ("1122233300018", "cnpj: malformed"),  # 13
        ("112223330001811", "cnpj: malformed"),  # 15
        ("11222333000181x", "cnpj: malformed"),
        ("11.222.333/000181", "cnpj: malformed"),  # half punctuated
        ("11.222.3330001-81", "cnpj: malformed"),
        ("11-222-333/0001.81", "cnpj: malformed"),
        ("11 222 333 0001 81", "cnpj: malformed"),
        ("12abc34501de35", "cnpj: malformed"),
        ("12.abc.345/01de-35", "cnpj: malformed"),
        ("12ABC34501dE35", "cnpj: malformed"),
        ("12ABC34501DE3A", "cnpj: malformed"),  # check digits are digits
        ("12ABC34501DEAB", "cnpj: malformed"),
        ("12ÁBC34501DE35", "cnpj: malformed"),
        ("１１２２２３３３０００１８１", "cnpj: malformed"),  # full width
        ("١١٢٢٢٣٣٣٠٠٠١٨١", "cnpj: malformed"),  # Arabic-Indic
        ("11222333000181\n", "cnpj: malformed"),
        ("\u00a011222333000181", "cnpj: malformed"),
        ("1.1222333000181E13", "cnpj: malformed"),  # what spreadsheets do
        ("-1222333000181", "cnpj: malformed"),
        ("NULL", "cnpj: malformed"),
    ],
)
def test_a_cnpj_that_is_missing_or_malformed_is_rejected(cnpj: str, expected: str) -> None:
    assert reason(cnpj=cnpj) == expected


@pytest.mark.parametrize("cnpj", ["11222333000181", "12ABC34501DE35", "00000000000191"])
def test_punctuated_and_bare_are_the_same_company(cnpj: str) -> None:
    (place,) = summary([GOOD | {"cnpj": cnpj}, GOOD | {"cnpj": punctuated(cnpj)}])

    first, second = place["companies"]
    assert first == second


def test_branches_are_companies_of_their_own_but_check_digits_are_not() -> None:
    cnpjs = ["11222333000181", "11222333000199", "11222333000262", "112223330A0181", "112223330B0181"]
    (place,) = summary(GOOD | {"cnpj": cnpj} for cnpj in cnpjs)

    head, wrong_digits, branch, *alphanumeric = place["companies"]
    assert head == wrong_digits
    assert len({head, branch, *alphanumeric}) == 4


@examples(30)
@given(
    st.lists(
        st.text(string.digits, min_size=12, max_size=12)
        | st.text(string.digits + string.ascii_uppercase, min_size=12, max_size=12),
        min_size=1,
        max_size=20,
    )
)
def test_company_ids_put_alphanumeric_flag_block_branch_and_root_in_their_bits(
    twelves: list[str],
) -> None:
    def expected(twelve: str) -> int:
        base = 10 if twelve.isdigit() else 36
        root, branch = int(twelve[:8], base), int(twelve[8:], base)
        return (base == 36) << 63 | (root >> 16) << 37 | branch << 16 | root & 0xFFFF

    (place,) = summary(GOOD | {"cnpj": twelve + "00"} for twelve in twelves)

    assert place["companies"] == [expected(twelve) for twelve in twelves]


@pytest.mark.parametrize(
    ("cnpj", "wrong"),
    [
        ("11222333000181", 0),
        ("11222333000180", 1),
        ("11222333000191", 1),
        ("11.222.333/0001-81", 0),
        ("11.222.333/0001-18", 1),
        (" 11222333000181 ", 0),
        ("12ABC34501DE35", 0),  # the official example
        ("12.ABC.345/01DE-35", 0),
        ("12ABC34501DE36", 1),
        ("12ABC34501DE45", 1),
        ("12abc34501de35", 0),  # malformed, so it has none
        ("", 0),
    ],
)
def test_wrong_check_digits_are_counted(cnpj: str, wrong: int) -> None:
    (place,) = summary([GOOD | {"cnpj": cnpj}])

    assert place["wrong_digits"] == wrong


@pytest.mark.parametrize(
    ("cnpj", "expected"),
    [
        ("11222333000181", None),
        ("11222333000180", "cnpj: wrong check digits"),
        ("11.222.333/0001-80", "cnpj: wrong check digits"),
        ("12ABC34501DE35", None),
        ("12ABC34501DE53", "cnpj: wrong check digits"),
        ("12abc34501de35", "cnpj: malformed"),
    ],
)
def test_wrong_check_digits_reject_in_strict_mode_alone(cnpj: str, expected: str | None) -> None:
    assert reason(cnpj=cnpj, strict=True) == expected
    assert reason(cnpj=cnpj) == (expected if expected == "cnpj: malformed" else None)


@examples(30)
@given(
    st.lists(
        st.tuples(
            st.text(string.digits, min_size=12, max_size=12)
            | st.text(string.digits + string.ascii_uppercase, min_size=12, max_size=12),
            st.text(string.digits, min_size=2, max_size=2),
            st.booleans(),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_check_digits_are_those_of_the_receita(parts: list[tuple[str, str, bool]]) -> None:
    cnpjs = [twelve + (digits_of(twelve) if right else digits) for twelve, digits, right in parts]

    assert reasons((GOOD | {"cnpj": cnpj} for cnpj in cnpjs), strict=True) == [
        None if cnpj[12:] == digits_of(cnpj[:12]) else "cnpj: wrong check digits" for cnpj in cnpjs
    ]


def test_only_one_pair_of_check_digits_fits_a_cnpj() -> None:
    seeded = random.Random(20260701)
    for twelve in ["112223330001", "12ABC34501DE", f"{seeded.randrange(10**12):012}", "000000000000"]:
        found = reasons((GOOD | {"cnpj": f"{twelve}{d:02}"} for d in range(100)), strict=True)

        assert [d for d, why in enumerate(found) if why is None] == [int(digits_of(twelve))]


# data_abertura


@pytest.mark.parametrize(
    "opened",
    [
        "2024-01-31",
        "2024-02-29",
        "1800-01-01",
        "1800-01-01T00:00:00Z",
        "2024-01-31T10:00",
        "2024-01-31T10:00Z",
        "2024-01-31 10:00:00",
        "2024-01-31T10:00:00.123Z",
        "2024-01-31T10:00:00.123456789Z",
        "2024-01-31T10:00:00-03:00",
        "2024-01-31T10:00:00-0300",
        "2024-01-31T10:00:00-03",
        "2024-01-31T23:59:59+14:00",
        "  2024-01-31\t",
        "2026-07-01",
        "2026-07-02",
        "2026-07-02T12:00:00Z",  # a day in the future, exactly
        "2026-07-02T09:00:00-03:00",
        "2026-07-03T02:00:00+14:00",
    ],
)
def test_an_iso_8601_date_or_instant_fits(opened: str) -> None:
    assert reason(data_abertura=opened) is None


UNREADABLE = "data_abertura: not an ISO 8601 date or instant"
FUTURE = "data_abertura: more than a day in the future"
EARLY = "data_abertura: before 1800"


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        ("", "data_abertura: missing"),
        (" \t", "data_abertura: missing"),
        ("31/01/2024", UNREADABLE),
        ("2024/01/31", UNREADABLE),
        ("2024-1-31", UNREADABLE),
        ("24-01-31", UNREADABLE),
        ("2023-02-29", UNREADABLE),
        ("1900-02-29", UNREADABLE),
        ("2024-13-01", UNREADABLE),
        ("2024-00-10", UNREADABLE),
        ("2024-01-00", UNREADABLE),
        ("0000-00-00", UNREADABLE),
        ("2024-01-31T25:00:00", UNREADABLE),
        ("2024-01-31T10:60:00", UNREADABLE),
        ("2024-01-31T10:00:00+99:99", UNREADABLE),  # no such zone
        ("2024-01-31T10:00:00 America/Sao_Paulo", UNREADABLE),
        ("2024-01-31x", UNREADABLE),
        ("2024-01-31\n", UNREADABLE),
        ("２０２４-01-31", UNREADABLE),
        ("1706659200", UNREADABLE),
        ("45322", UNREADABLE),
        ("today", UNREADABLE),
        ("infinity", UNREADABLE),
        ("-infinity", UNREADABLE),
        ("1799-12-31", EARLY),
        ("1799-12-31T23:59:59.999999Z", EARLY),
        ("1800-01-01T00:00:00+03:00", EARLY),
        ("0001-01-01", EARLY),
        ("2026-07-02T12:00:00.000001Z", FUTURE),
        ("2026-07-02T12:00:01Z", FUTURE),
        ("2026-07-02T09:00:01-03:00", FUTURE),
        ("2026-07-03", FUTURE),
        ("9999-12-31", FUTURE),
    ],
)
def test_a_date_that_is_missing_unreadable_too_early_or_too_late_is_rejected(
    opened: str, expected: str
) -> None:
    assert reason(data_abertura=opened) == expected


# cidade and estado


@pytest.mark.parametrize(
    ("cidade", "key"),
    [
        ("São Paulo", "São Paulo"),
        ("  São   Paulo ", "São Paulo"),
        ("São\u00a0Paulo", "São Paulo"),
        ("\u00a0São \u00a0\u3000 Paulo\u2003", "São Paulo"),
        ("Sa\u0303o Paulo", "São Paulo"),  # decomposed, as macOS writes it
        ("SÃO PAULO", "SÃO PAULO"),  # letter case is the source's
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


KEY = "cidade: one of : / { }"
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

    found = reasons(GOOD | {"estado": pair} for pair in pairs)

    assert len(STATES) == 27
    assert [pair for pair, why in zip(pairs, found, strict=True) if why is None] == STATES
    assert set(found) == {None, "estado: not one of the 27"}


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


# capital_social

MISSING = "capital_social: missing"
NUMBER = "capital_social: not a number"
FINITE = "capital_social: not a finite number"
NEGATIVE = "capital_social: negative"
DECIMALS = "capital_social: more than two decimals"
ABOVE = "capital_social: above 999,999,999,999.99"
AMBIGUOUS = "capital_social: ambiguous number"

WRONG_EVERYWHERE = [
    ("", MISSING),
    (" \t ", MISSING),
    ("abc", NUMBER),
    ("R$ 10", NUMBER),
    ("10 000", NUMBER),
    ("10\u00a0000", NUMBER),
    ("+5", NUMBER),
    ("1e5", NUMBER),
    ("1E5", NUMBER),
    ("0x10", NUMBER),
    ("1_000", NUMBER),
    ("１００", NUMBER),
    ("١٠٠", NUMBER),
    ("--5", NUMBER),
    ("5-", NUMBER),
    (".", NUMBER),
    (",", NUMBER),
    ("null", NUMBER),
    ("NaN", FINITE),
    ("nan", FINITE),
    ("-nan", FINITE),
    ("Infinity", FINITE),
    ("INF", FINITE),
    ("-inf", FINITE),
    ("+Infinity", FINITE),
    ("-1", NEGATIVE),
    ("-0", NEGATIVE),
    ("-0.00", NEGATIVE),
    ("-1.000,00", NEGATIVE),
    ("1000000000000", ABOVE),
    ("9" * 40, ABOVE),
]


@pytest.mark.parametrize(("capital", "expected"), WRONG_EVERYWHERE)
@pytest.mark.parametrize("brazilian", [False, True], ids=["comma file", "semicolon file"])
def test_a_capital_that_is_no_amount_of_reais_is_rejected_in_either_kind_of_file(
    capital: str, expected: str, brazilian: bool
) -> None:
    assert reason(capital_social=capital, brazilian=brazilian) == expected


@pytest.mark.parametrize(
    ("capital", "expected"),
    [
        ("1234567.891", DECIMALS),
        ("1.234", DECIMALS),
        ("0.001", DECIMALS),
        ("1.000", DECIMALS),
        ("1000000000000.00", ABOVE),
        ("1000000000000.0", ABOVE),
        ("1,5", AMBIGUOUS),
        ("1000,00", AMBIGUOUS),
        ("1,234.56", AMBIGUOUS),
        ("1.234,56", AMBIGUOUS),
        ("1.234.567", AMBIGUOUS),
        ("5.", AMBIGUOUS),
        (".5", AMBIGUOUS),
        ("1..5", AMBIGUOUS),
    ],
)
def test_in_comma_files_a_capital_that_is_not_exact_is_rejected(capital: str, expected: str) -> None:
    assert reason(capital_social=capital) == expected


@pytest.mark.parametrize(
    ("capital", "expected"),
    [
        ("1,234", DECIMALS),
        ("1.234,567", DECIMALS),
        ("0,001", DECIMALS),
        ("1.000.000.000.000,00", ABOVE),
        ("1000000000000,00", ABOVE),
        ("1.000.000.000.000", ABOVE),
        ("1.234", AMBIGUOUS),  # a thousand and more, or one and a little?
        ("12.345", AMBIGUOUS),
        ("123.456", AMBIGUOUS),
        ("0.500", AMBIGUOUS),
        ("1234.567", DECIMALS),  # thousands would have a point before the 234
        ("1.2345", DECIMALS),
        ("1000000000000.00", ABOVE),
        ("5.", AMBIGUOUS),
        (".5", AMBIGUOUS),
        ("1.23.456,00", AMBIGUOUS),
        ("12.34,56", AMBIGUOUS),
        ("1234.567,00", AMBIGUOUS),
        ("1,234.56", AMBIGUOUS),
        ("1,234,567", AMBIGUOUS),
        (",50", AMBIGUOUS),
        ("1,5,0", AMBIGUOUS),
    ],
)
def test_in_semicolon_files_a_capital_that_could_be_two_numbers_is_rejected(
    capital: str, expected: str
) -> None:
    assert reason(capital_social=capital, brazilian=True) == expected


@pytest.mark.parametrize(
    ("capital", "brazilian", "expected"),
    [
        ("0", False, "0.00"),
        ("0.00", False, "0.00"),
        ("1000", False, "1000.00"),
        ("1000.5", False, "1000.50"),
        ("1234567.89", False, "1234567.89"),
        ("0001000.00", False, "1000.00"),
        ("00000000000000000000000001.00", False, "1.00"),
        (" 1000.00\t", False, "1000.00"),
        ("999999999999.99", False, "999999999999.99"),
        ("0", True, "0.00"),
        ("1000", True, "1000.00"),
        ("1000,5", True, "1000.50"),
        ("10.00", True, "10.00"),  # thousands come in threes
        ("1000.50", True, "1000.50"),
        ("1.5", True, "1.50"),
        ("0.5", True, "0.50"),
        ("1234567.89", True, "1234567.89"),
        ("1234567,89", True, "1234567.89"),
        ("1.234.567,89", True, "1234567.89"),
        ("1.234,5", True, "1234.50"),
        ("1.234.567", True, "1234567.00"),  # two groups can only be thousands
        (" 1.234,56 ", True, "1234.56"),
        ("999.999.999.999,99", True, "999999999999.99"),
        ("999999999999,99", True, "999999999999.99"),
    ],
)
def test_a_capital_is_read_to_the_cent(capital: str, brazilian: bool, expected: str) -> None:
    assert reason(capital_social=capital, brazilian=brazilian) is None
    (place,) = summary([GOOD | {"capital_social": capital}], brazilian=brazilian)
    assert place["capital_social_total"] == Decimal(expected)


@examples(20)
@given(st.lists(st.integers(0, 10**14 - 1), min_size=1, max_size=20))
def test_money_of_any_size_is_the_same_in_every_spelling(amounts: list[int]) -> None:
    exact = [Decimal(cents) / 100 for cents in amounts]
    plain = [f"{amount:.2f}" for amount in exact]
    decimal_comma = [text.replace(".", ",") for text in plain]
    grouped = [f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) for amount in exact]

    for spelled, brazilian in ((plain, False), (decimal_comma, True), (grouped, True)):
        (place,) = summary(
            (GOOD | {"capital_social": capital} for capital in spelled), brazilian=brazilian
        )

        assert (place["rows"], len(place["companies"])) == (len(amounts), len(amounts))
        assert place["capital_social_total"] == sum(exact)


@examples(30)
@given(
    st.lists(st.text("0123456789.,-+eE ", max_size=12) | st.text(max_size=8), min_size=1, max_size=30)
)
def test_no_text_is_read_as_another_number_than_it_is(texts: list[str]) -> None:
    def oracle(text: str, *, brazilian: bool) -> bool:
        """Whether some amount is written exactly so, leading zeros aside."""
        text = text.strip(" \t")
        whole, has_point, part = text.partition(".")
        if brazilian and has_point and len(part) in (1, 2) and set(whole + part) <= set(string.digits):
            return whole != "" and int(whole) < 10**12
        point, group = (",", ".") if brazilian else (".", "\0")
        whole, has_point, part = text.partition(point)
        groups = whole.split(group)
        if not all(g and set(g) <= set(string.digits) for g in groups):
            return False
        if len(groups) > 1 and not (1 <= len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])):
            return False
        if has_point and not (1 <= len(part) <= 2 and set(part) <= set(string.digits)):
            return False
        if len(groups) == 2 and not has_point:
            return False  # 1.234
        return int("".join(groups)) < 10**12

    for brazilian in (False, True):
        found = reasons((GOOD | {"capital_social": text} for text in texts), brazilian=brazilian)

        assert [why is None for why in found] == [oracle(t, brazilian=brazilian) for t in texts]


# Rows as a whole


def test_of_several_reasons_the_first_columns_is_given() -> None:
    wrong = {
        "cnpj": ("", "cnpj: missing"),
        "data_abertura": ("yesterday", UNREADABLE),
        "cidade": ("a/b", KEY),
        "estado": ("XX", "estado: not one of the 27"),
        "capital_social": ("-1", NEGATIVE),
    }
    names = list(wrong)
    rows = [GOOD | {name: wrong[name][0] for name in names[first:]} for first in range(len(names))]

    assert reasons(rows) == [wrong[name][1] for name in names]
    assert reason(strict=True, cnpj="11222333000180", estado="XX") == "cnpj: wrong check digits"


def test_values_that_only_look_usual_are_judged_by_the_rules() -> None:
    """The reader knows usual values without asking the rules: these are up to four marks away."""
    chance = random.Random(20261125)

    def almost(usual: str) -> str:
        marks = list(usual)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(marks) + 1)
            marks[place : place + chance.randint(0, 1)] = chance.choice(
                ["", *"0123456789+-.,:/TZeE \t_é٣"]
            )
        return "".join(marks)

    usual = {
        "cnpj": ["11222333000181", "12ABC34501DE35", "11.222.333/0001-81"],
        "data_abertura": ["2024-01-31T09:00:00Z", "1800-01-01T00:00:00Z", "2024-02-29"],
        "capital_social": ["1000.00", "0.10", "7", "999999999999.99"],
    }
    rows = [
        GOOD | {name: almost(chance.choice(values))}
        for name, values in usual.items()
        for _ in range(9000)
    ]
    for brazilian in (False, True):
        fill(rows)
        differ = connection.execute(
            """
            SELECT cnpj, data_abertura, capital_social, capital FROM rows_read($brazilian, $now, false)
            WHERE fits <> (cnpj_reason(blank(cnpj)) IS NULL
                           AND data_abertura_reason(blank(data_abertura), $now) IS NULL
                           AND capital_social_reason(blank(capital_social), $brazilian) IS NULL)
               OR capital IS DISTINCT FROM capital(blank(capital_social), $brazilian)
               OR number IS DISTINCT FROM cnpj_number(blank(cnpj))
               OR fits AND opened::TIMESTAMPTZ IS DISTINCT FROM instant(blank(data_abertura))
            """,
            {"brazilian": brazilian, "now": NOW},
        ).fetchall()

        assert differ == []
        assert 100 < sum(why is None for why in reasons(rows, brazilian=brazilian)) < len(rows) - 100


def test_a_row_is_either_summed_or_rejected_never_both_nor_neither() -> None:
    rows = [GOOD, GOOD | {"estado": "XX"}, GOOD | {"cidade": ""}, GOOD | {"capital_social": "x"}]
    why = reasons(rows)

    fitting = sum(len(p["companies"]) for p in summary(rows) if p["fits"])

    assert [w is None for w in why] == [True, False, False, False]
    assert fitting == 1


def test_a_summary_adds_up_each_spelling_of_a_place() -> None:
    rows = [
        GOOD | {"capital_social": "10.10"},
        GOOD | {"cnpj": "11222333000262", "capital_social": "0.20"},
        GOOD | {"cidade": "São  Paulo", "capital_social": "5"},
        GOOD | {"capital_social": "oops"},
        GOOD | {"estado": "RJ"},
    ]

    found = sorted(
        (p["cidade"], p["estado"], p["rows"], p["capital_social_total"], len(p["companies"]))
        for p in summary(rows)
    )

    assert found == [
        ("São Paulo", "RJ", 1, Decimal("1000.00"), 1),
        ("São Paulo", "SP", 1, Decimal("5.00"), 1),
        ("São Paulo", "SP", 3, Decimal("10.30"), 2),
    ]


def test_a_trillion_rows_worth_of_capital_does_not_overflow_a_sum() -> None:
    rows = [GOOD | {"capital_social": "999999999999.99"}] * 1000

    (place,) = summary(rows)

    assert place["capital_social_total"] == Decimal("999999999999990.00")
