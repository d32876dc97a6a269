"""ESTABELE: which establishments count, and what is counted of the others."""

from datetime import date
from pathlib import Path

import pytest

from streaming.receita.dates import Interval
from tests.receita.files import Result, company, establishment, line, read_lines, row

REJECTED: list[tuple[str, dict[str, str]]] = [
    ("situacao_nula", {"situation": "01"}),
    ("situacao_nula", {"situation": "1"}),
    ("situacao_invalida", {"situation": "05"}),
    ("situacao_invalida", {"situation": ""}),
    ("situacao_invalida", {"situation": "ATIVA"}),
    ("exterior", {"uf": "EX", "code": "9707"}),
    ("exterior", {"uf": "EX", "code": "7107"}),
    ("exterior", {"uf": "SP", "code": "9707"}),
    ("filial", {"flag": "2", "branch": "0002"}),
    ("cnpj_invalido", {"root": "9999000a"}),
    ("cnpj_invalido", {"root": "9999000"}),
    ("cnpj_invalido", {"root": "9999000 "}),
    ("cnpj_invalido", {"branch": "00-1"}),
    ("cnpj_invalido", {"digits": "9A"}),
    ("cnpj_invalido", {"digits": "9"}),
    ("municipio_invalido", {"uf": "RJ", "code": "7107"}),
    ("municipio_invalido", {"uf": "XX", "code": "7107"}),
    ("municipio_invalido", {"code": "0000"}),
    ("data_ausente", {"opened": ""}),
    ("data_ausente", {"opened": "0"}),
    ("data_ausente", {"opened": "00000000"}),
    ("data_invalida", {"opened": "2026071"}),
    ("data_invalida", {"opened": "20260230"}),
    ("data_invalida", {"opened": "20261301"}),
    ("data_invalida", {"opened": "20260700"}),
    ("data_invalida", {"opened": "2026-7-1"}),
    ("data_fora_da_faixa", {"opened": "02020101"}),
    ("data_fora_da_faixa", {"opened": "17991231"}),
    ("data_fora_da_faixa", {"opened": "41000101"}),
    ("data_fora_da_faixa", {"opened": "20260809"}),
    ("fora_do_intervalo", {"opened": "20260630"}),
    ("fora_do_intervalo", {"opened": "20260801"}),
    ("estabelecimento_colunas", {"flag": "3"}),
    ("estabelecimento_colunas", {"flag": ""}),
    ("estabelecimento_colunas", {"uf": ""}),
    ("estabelecimento_colunas", {"uf": "sp"}),
    ("estabelecimento_colunas", {"uf": "7107", "code": "11"}),
    ("estabelecimento_colunas", {"code": ""}),
    ("estabelecimento_colunas", {"code": "71O7"}),
    ("estabelecimento_colunas", {"code": "71070"}),
]


@pytest.mark.parametrize(("reason", "values"), REJECTED, ids=lambda value: str(value))
def test_an_establishment_that_does_not_count(
    reason: str, values: dict[str, str], tmp_path: Path
) -> None:
    assert read_lines(tmp_path, [establishment(**values)]) == Result([], {reason: 1})


@pytest.mark.parametrize("situation", ["02", "03", "04", "08", "2", "8"])
def test_active_suspended_unfit_and_closed_count(situation: str, tmp_path: Path) -> None:
    assert read_lines(tmp_path, [establishment(situation=situation)]) == Result([row()])


@pytest.mark.parametrize("day", ["2026-07-01", "2026-07-31"])
def test_the_first_and_the_last_day_count(day: str, tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment(opened=day.replace("-", ""))])

    assert result == Result([row(day=day)])


def test_the_day_of_the_files_counts(tmp_path: Path) -> None:
    until = date(2026, 8, 8)
    result = read_lines(
        tmp_path, [establishment(opened="20260808")], interval=Interval(until, until, until)
    )

    assert result == Result([row(day="2026-08-08")])


def test_29_february_exists_in_leap_years_only(tmp_path: Path) -> None:
    since = Interval(date(1800, 1, 1), date(2026, 8, 8), date(2026, 8, 8))
    days = ["18960229", "19000229", "20000229", "20230229", "20240229"]
    lines = [establishment(opened=day, branch=f"{n:04d}") for n, day in enumerate(days)]

    result = read_lines(tmp_path, lines, interval=since)

    assert [row[1] for row in result.rows] == ["1896-02-29", "2000-02-29", "2024-02-29"]
    assert result.counts["data_invalida"] == 2


@pytest.mark.parametrize(
    ("code", "cidade"), [("0033", "Alta Floresta D'Oeste"), ("33", "Alta Floresta D'Oeste")]
)
def test_a_code_without_its_zeros_is_padded(code: str, cidade: str, tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment(uf="RO", code=code)])

    assert result == Result([row(cidade=cidade, estado="RO")])


def test_the_head_office_is_the_flag_whatever_the_branch(tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment(branch="0007", digits="83")])

    assert result == Result([row("99990001000783")])


def test_branches_have_no_capital(tmp_path: Path) -> None:
    lines = [establishment(), establishment(flag="2", branch="0002", digits="79", uf="RJ", code="6001")]

    result = read_lines(tmp_path, lines, branches=True)

    branch = row("99990001000279", "0.00", cidade="Rio de Janeiro", estado="RJ")
    assert result == Result([row(), branch])


def test_a_branch_counts_even_if_the_capital_is_no_number(tmp_path: Path) -> None:
    lines = [establishment(flag="2", branch="0002", digits="79")]

    result = read_lines(tmp_path, lines, [company(capital="-1")], branches=True)

    assert result == Result([row("99990001000279", "0.00")])


def test_the_first_of_several_lines_of_an_establishment_counts(tmp_path: Path) -> None:
    lines = [
        establishment(opened="20260702"),
        establishment(),
        establishment(opened="20260701", digits="00"),
    ]

    result = read_lines(tmp_path, lines, groups=1)

    assert result == Result([row(day="2026-07-02")], {"estabelecimento_repetido": 2})


def test_an_establishment_that_does_not_count_hides_none_that_does(tmp_path: Path) -> None:
    lines = [establishment(situation="01"), establishment()]

    assert read_lines(tmp_path, lines) == Result([row()], {"situacao_nula": 1})


@pytest.mark.parametrize("dropped", [4, 14, 18])
def test_columns_shifted_by_one_are_rejected(dropped: int, tmp_path: Path) -> None:
    fields = establishment().strip('"').split('";"')
    one_too_few = [*fields[:dropped], *fields[dropped + 1 :], ""]
    one_too_many = [*fields[:dropped], "X", *fields[dropped:-1]]

    result = read_lines(tmp_path, [line(one_too_few), line(one_too_many)])

    assert result == Result([], {"estabelecimento_colunas": 2})


def test_wrong_check_digits_are_counted_and_the_row_counts(tmp_path: Path) -> None:
    lines = [establishment(digits="99"), establishment(root="12ABC345", branch="01DE", digits="34")]

    result = read_lines(tmp_path, lines, [company(), company("12ABC345")])

    rows = [row("12ABC34501DE34"), row("99990001000199")]
    assert result == Result(rows, {"digito_errado": 2})
