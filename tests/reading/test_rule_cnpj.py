"""The rules of companies.sql for cnpj: its forms, the company it is of, its check digits."""

import random
import string
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import ledger
from streaming.reading.summary import summed
from tests.examples import examples
from tests.reading.rules import GOOD, reason, reasons, summary, summary_table


def ids(listed: Iterable[int]) -> list[int]:
    """Return the ids of companies that a summary lists, as numbers of CNPJs or as ids."""
    return [
        (
            company
            if company >= ledger.ALPHANUMERIC
            else int(ledger.of_numbers(np.array([company], dtype=np.uint64))[0])
        )
        for company in listed
    ]


# Check digits the way the Receita Federal writes them down, one character at a time.
def digits_of(twelve: str) -> str:
    for _ in range(2):
        weights = [2 + i % 8 for i in range(len(twelve))]
        total = sum((ord(c) - 48) * w for c, w in zip(reversed(twelve), weights, strict=True))
        twelve += str(0 if total % 11 < 2 else 11 - total % 11)
    return twelve[-2:]


def punctuated(cnpj: str) -> str:
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"


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

    first, second = ids(place["companies"])
    assert first == second


def test_branches_are_companies_of_their_own_but_check_digits_are_not() -> None:
    cnpjs = ["11222333000181", "11222333000199", "11222333000262", "112223330A0181", "112223330B0181"]
    (place,) = summary(GOOD | {"cnpj": cnpj} for cnpj in cnpjs)

    head, wrong_digits, branch, *alphanumeric = ids(place["companies"])
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

    assert ids(place["companies"]) == [expected(twelve) for twelve in twelves]


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
    assert summed(summary_table([GOOD | {"cnpj": cnpj}]), 0).wrong_digits == wrong


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
        results = reasons((GOOD | {"cnpj": f"{twelve}{d:02}"} for d in range(100)), strict=True)

        assert [d for d, why in enumerate(results) if why is None] == [int(digits_of(twelve))]
