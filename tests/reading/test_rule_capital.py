"""The rules of companies.sql for capital_social: each amount to the cent, or its reason."""

import string
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.reading.rules import GOOD, NEGATIVE, reason, reasons, summary

MISSING = "capital_social: missing"
NUMBER = "capital_social: not a number"
FINITE = "capital_social: not a finite number"
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
        bands = summary((GOOD | {"capital_social": capital} for capital in spelled), brazilian=brazilian)

        assert sum(band["rows"] for band in bands) == len(amounts)
        assert sum(len(band["companies"]) for band in bands) == len(amounts)
        assert sum(band["capital_social_total"] for band in bands) == sum(exact)


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
        results = reasons((GOOD | {"capital_social": text} for text in texts), brazilian=brazilian)

        assert [why is None for why in results] == [oracle(t, brazilian=brazilian) for t in texts]
