"""CNPJs: their form, and their check digits by the rule written out."""

import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import check_digits
from streaming.receita import cnpjs
from tests.examples import examples

CHARACTERS = string.digits + string.ascii_uppercase
COMPANY = st.text(CHARACTERS, min_size=12, max_size=12) | st.text(
    string.digits, min_size=12, max_size=12
)


def rows(written: list[str]) -> np.ndarray:
    return np.frombuffer("".join(written).encode("latin-1"), np.dtype(cnpjs.FIELDS))


def digits_of(company: str) -> str:
    for _ in range(2):
        weights = [2 + place % 8 for place in range(len(company))]
        total = sum(w * (ord(c) - 48) for w, c in zip(weights, reversed(company), strict=True))
        company += str((11 - total % 11) % 11 % 10)
    return company[-2:]


@examples(100)
@given(st.lists(st.tuples(COMPANY, st.integers(0, 99)), min_size=1, max_size=20))
def test_wrong_check_digits_are_counted(companies: list[tuple[str, int]]) -> None:
    written = [f"{company}{digits:02d}" for company, digits in companies]
    right = [company + digits_of(company) for company, _ in companies]

    assert check_digits.wrong_written(cnpjs.as_bytes(rows(right))) == 0
    wrong = sum(one != other for one, other in zip(written, right, strict=True))
    assert check_digits.wrong_written(cnpjs.as_bytes(rows(written))) == wrong


def test_the_official_example_is_right() -> None:
    assert check_digits.wrong_written(cnpjs.as_bytes(rows(["12ABC34501DE35"]))) == 0


CNPJ = st.text("09AZaz @[/:`\xff", min_size=14, max_size=14) | COMPANY.map(
    lambda company: f"{company}00"
)


@examples(100)
@given(st.lists(CNPJ, min_size=1, max_size=20))
def test_the_form_is_twelve_digits_or_capitals_and_two_digits(written: list[str]) -> None:
    expected = [re.fullmatch("[0-9A-Z]{12}[0-9]{2}", text) is not None for text in written]

    assert cnpjs.are_valid(rows(written)).tolist() == expected


@pytest.mark.parametrize("many", [1, 2, 19, 4096])
def test_every_root_has_a_group_and_groups_are_alike(many: int) -> None:
    written = [f"{number:08d}000100" for number in range(60_000_000, 60_100_000)]
    sizes = np.bincount(cnpjs.groups(rows(written)["root"], many), minlength=many)

    assert len(sizes) == many
    assert sizes.max() < 2 * 100_000 / many + 50
