"""EMPRECSV: the capital of a company, stubs, companies more than once or not at all."""

from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.receita import companies, lines
from streaming.receita.layout import EMPRECSV
from tests.examples import examples
from tests.receita.files import Result, company, establishment, line, read_lines, row

STUB = company(name="", nature="0000", capital="0,00")


@pytest.mark.parametrize(
    ("text", "capital"),
    [
        ("0,00", "0.00"),
        ("0", "0.00"),
        ("5,5", "5.50"),
        ("16777217,00", "16777217.00"),
        ("123456789,01", "123456789.01"),
        ("999999999998,99", "999999999998.99"),
        ("000000000000001000,00", None),
        ("0000001000,00", "1000.00"),
        (" 1000,00 ", "1000.00"),
    ],
)
def test_a_capital_is_exact(text: str, capital: str | None, tmp_path: Path) -> None:
    expected = Result([], {"capital_invalido": 1}) if capital is None else Result([row(capital=capital)])

    assert read_lines(tmp_path, [establishment()], [company(capital=text)]) == expected


@pytest.mark.parametrize(
    "text", ["", "-1", "-1,00", "1.000,00", "1000,000", ",50", "1000,", "1e3", "+5,00", "NaN", "١٢,٠٠"]
)
def test_what_is_no_capital_rejects_the_company(text: str) -> None:
    assert companies.cents(text) == companies.INVALID


def test_a_company_with_a_capital_that_is_none_is_rejected(tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment()], [company(capital="-1,00")])

    assert result == Result([], {"capital_invalido": 1})


@examples(100)
@given(st.lists(st.integers(0, 10**15 - 1), min_size=1, max_size=20))
def test_capitals_in_the_usual_form_are_read_to_the_cent(cents: list[int]) -> None:
    texts = [f"{number // 100},{number % 100:02d}" for number in cents]
    content = "\n".join(company(capital=text) for text in texts).encode()

    block = lines.block(content, EMPRECSV)
    rows, counts = companies.read(block)

    assert len(block.usual) == len(cents)
    assert rows["cents"].tolist() == [int(Decimal(text.replace(",", ".")) * 100) for text in texts]
    assert counts.total() == 0


def test_the_mark_counts_as_nothing_and_is_listed(tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment()], [company(capital="999999999999,00")])

    assert result == Result([row(capital="0.00")], {"capital_nao_informado": 1}, ["99990001000198"])


def test_a_stub_loses_whatever_the_order(tmp_path: Path) -> None:
    lines_ = [STUB, company(), company(capital="7,00")]
    for number, order in enumerate(permutations(lines_)):
        first = min(order.index(lines_[1]), order.index(lines_[2]))
        capital = "1000.00" if order[first] == lines_[1] else "7.00"

        result = read_lines(tmp_path / str(number), [establishment()], order)

        assert result == Result([row(capital=capital)], {"empresa_repetida": 2})


def test_a_stub_alone_is_a_company(tmp_path: Path) -> None:
    assert read_lines(tmp_path, [establishment()], [STUB]) == Result([row(capital="0.00")])


@pytest.mark.parametrize(("name", "nature"), [("FICTICIA", "0000"), ("", "2062")])
def test_a_company_with_name_or_nature_is_no_stub(name: str, nature: str, tmp_path: Path) -> None:
    lines_ = [company(name=name, nature=nature, capital="5,00"), company()]

    result = read_lines(tmp_path, [establishment()], lines_)

    assert result == Result([row(capital="5.00")], {"empresa_repetida": 1})


def test_an_establishment_without_a_company_is_rejected(tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment()], [company("99990002"), company("00000000")])

    assert result == Result([], {"sem_empresa": 1})


@pytest.mark.parametrize(
    "fields",
    [
        ["99990001", "FICTICIA", "2062", "49", "1000,00", "01"],
        ["99990001", "FICTICIA", "2062", "49", "1000,00", "01", "", ""],
        ["99990001", "2062", "49", "1000,00", "01", "", ""],
        ["99990001", "FICTICIA", "X", "2062", "49", "1000,00", "01"],
        ["9999001", "FICTICIA", "2062", "49", "1000,00", "01", ""],
    ],
)
def test_a_company_with_other_columns_is_rejected(fields: list[str], tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment()], [line(fields)])

    assert result == Result([], {"empresa_colunas": 1, "sem_empresa": 1})


def test_a_name_over_two_lines_is_joined(tmp_path: Path) -> None:
    broken = company(name="FICTICIA\nCOMERCIO")

    result = read_lines(tmp_path, [establishment()], [broken])

    assert result == Result([row()], {"empresa_linha_quebrada_unida": 1})
