"""The commands that read the features, as tables, JSON and CSV."""

import csv
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from streaming.app.cli import app
from streaming.domain.growth import between
from streaming.store.store import Store
from tests.store.commits import add


@pytest.fixture(autouse=True)
def filled(store: Store, server_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A server with two municipalities over two years and a month, which the program reads."""
    monkeypatch.setenv("REDIS_URL", server_url)
    monkeypatch.setenv("COLUMNS", "200")
    add(
        store,
        *(
            (cidade, estado, month, band, number + (month >= "2025"), "1000.50")
            for cidade, estado, band, number in (
                ("São Paulo", "SP", "capital_ate_1000", 10),
                ("Natal", "RN", "capital_ate_5000", 3),
            )
            for month in between("2024-01", "2026-01")
        ),
    )
    return store


def output(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def document(*arguments: str) -> Any:
    return json.loads(output(*arguments, "--json"))


def table(*arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output(*arguments, "--csv"))))


def test_months_are_shown_as_a_table_json_and_csv() -> None:
    first = {
        "mes": "2024-01",
        "quantidade_empresas": "10",
        "capital_social_total": "1000.50",
        "media_movel_3m": "",
    }
    assert output("show", "--mensal", "sao paulo/sp").split()[4:7] == ["2024-01", "10", "1000.50"]
    assert table("show", "--mensal", "sao paulo/sp")[0] == first
    read = document("show", "--mensal", "sao paulo/sp")
    assert (read["lugar"], len(read["meses"])) == ("São Paulo/SP", 25)
    assert read["meses"][0] == {**first, "quantidade_empresas": 10, "media_movel_3m": None}


def test_bands_are_shown_as_a_table_json_and_csv() -> None:
    line = next(one for one in output("show", "--faixas", "BR").splitlines() if "ate_1000 " in one)
    assert line.split() == ["capital_ate_1000", "263", "74.9", "%", "x"]
    band = {"faixa": "capital_ate_1000", "quantidade_empresas": 263, "participacao": "0.7493"}
    assert document("show", "--faixas", "br")["faixas"][1] == {**band, "mediana": True}
    assert table("show", "--faixas", "natal/rn")[2]["quantidade_empresas"] == "88"


def test_a_ranking_is_shown_as_a_table_json_and_csv() -> None:
    assert [line.split()[1] for line in output("ranking").splitlines()[1:]] == ["São", "Natal/RN"]
    read = document("ranking", "--por", "capital_social_medio")
    assert (read["por"], [r["municipio"] for r in read["ranking"]]) == (
        "capital_social_medio",
        ["Natal/RN", "São Paulo/SP"],
    )
    assert document("ranking", "--por-habitante")["por"] == "aberturas_por_10mil_hab"
    assert [r["municipio"] for r in table("ranking", "--estado", "rn")] == ["Natal/RN"]
    assert len(table("ranking", "--top", "1")) == 1


def test_growth_is_shown_as_a_table_json_and_csv() -> None:
    read = document("crescimento")
    assert [read[k] for k in ("de", "ate", "base_de", "base_ate")] == [
        *("2025-01", "2025-12"),
        *("2024-01", "2024-12"),
    ]
    assert [(g["lugar"], g["a"], g["b"]) for g in read["lugares"]] == [
        ("Natal/RN", 48, 36),
        ("São Paulo/SP", 132, 120),
    ]
    assert "33.3 %" in output("crescimento")
    assert [row["a"] for row in table("crescimento", "--meses", "6", "--base", "anterior")] == [
        "66",
        "24",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "--estado", "xx"], "'xx' is none of AC, AL"),
        (["ranking", "--por", "nome"], "quantidade_empresas"),
        (["crescimento", "--ate", "2026-13"], "'2026-13' is no month"),
        (["crescimento", "--meses", "0"], "--meses"),
    ],
)
def test_an_option_that_is_wrong_is_named(arguments: list[str], message: str) -> None:
    assert message in output(*arguments, code=2)


def test_a_state_is_shown_with_its_municipalities() -> None:
    assert [row["key"] for row in table("show", "--estado", "sp")] == ["São Paulo/SP", "estado:SP"]
