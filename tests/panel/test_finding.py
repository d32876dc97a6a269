"""Finding a place as people type it, and taking tables away as CSV."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browsing import Window, table
from tests.panel.conftest import Open, Site
from tests.panel.openings import Openings, number, per_people


def found(window: Window, typed: str) -> str:
    """Type into the search, press Enter, and return the heading of the page that comes."""
    page = window.open("/")
    page.get_by_label("Município: nome").fill(typed)
    with page.expect_navigation():
        page.get_by_label("Município: nome").press("Enter")
    return page.locator("h1").inner_text()


@pytest.mark.parametrize("typed", ["sao paulo", "SÃO  PAULO", "sao paulo/sp", "3550308"])
def test_a_search_needs_no_accents_and_takes_a_code(window: Window, typed: str) -> None:
    assert found(window, typed) == "São Paulo/SP"


def test_a_prefix_finds_all_that_begin_so(window: Window, everywhere: Openings) -> None:
    assert found(window, "xangri") == "Xangri-lá/RS"
    assert found(window, "porto a") == "Qual lugar?"
    named = [p for p in everywhere.companies if p[0].lower().startswith("porto a")]
    expected = sorted(named, key=lambda p: (-everywhere.companies[p], "/".join(p)))
    assert table(window.page) == [["/".join(p), number(everywhere.companies[p])] for p in expected]


def test_suggestions_come_while_one_types(window: Window) -> None:
    page = window.open("/")
    with page.expect_response(lambda response: response.url.endswith("q=sao%20bernardo")):
        page.get_by_label("Município: nome").fill("sao bernardo")
    options = page.locator("#sugestoes option")
    options.first.wait_for(state="attached")
    values = options.evaluate_all("all => all.map(option => option.value)")
    assert sorted(values) == ["São Bernardo do Campo/SP", "São Bernardo/MA"]


def test_what_nobody_is_called_is_said_so(window: Window) -> None:
    assert found(window, "<script>alert(1)</script>") == "Nada encontrado"
    assert "<script>alert(1)</script>" in window.page.locator("main").inner_text()


def test_a_click_on_the_map_leads_to_the_municipality(window: Window) -> None:
    page = window.open("/?estado=AC")
    bubble = page.locator('circle[data-p="Cruzeiro do Sul/AC"]')
    bubble.hover()
    assert page.locator("#dica").inner_text().startswith("Cruzeiro do Sul/AC\n")
    bubble.click()
    page.wait_for_url("**/municipio/Cruzeiro%20do%20Sul/AC")
    assert page.locator("h1").inner_text() == "Cruzeiro do Sul/AC"


def test_a_download_opened_again_is_what_redis_holds(
    window: Window, brazil: Site, tmp_path: Path
) -> None:
    text = downloaded(window, "/ranking?estado=SP", tmp_path)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    held = {
        key: values
        for key, values in brazil.store.hashes().items()
        if key.endswith("/SP") and ":" not in key
    }
    assert {row["municipio"]: features(row) for row in rows} == {
        key: (
            values["capital_social_total"],
            values["quantidade_empresas"],
            values["capital_social_medio"],
        )
        for key, values in held.items()
    }
    for row in rows:
        cidade, _, uf = row["municipio"].rpartition("/")
        people = per_people(int(row["quantidade_empresas"]), (cidade, uf))
        assert row["aberturas_por_10mil_hab"].replace(",", ".") == str(people or "")


def test_a_download_is_what_excel_in_brazil_opens(window: Window, tmp_path: Path) -> None:
    text = downloaded(window, "/crescimento", tmp_path)
    lines = text.split("\r\n")
    assert lines[0] == "lugar;a;b;crescimento;crescimento_minimo;situacao"
    assert lines[-1] == ""
    assert "." not in lines[1].split(";", 1)[1]


def test_a_cell_that_looks_like_a_formula_is_text(
    open_window: Open, hostile: Site, tmp_path: Path
) -> None:
    text = downloaded(open_window(hostile), "/ranking", tmp_path)
    rows = {row["municipio"] for row in csv.DictReader(io.StringIO(text), delimiter=";")}
    assert {f"'{sign}cmd|' C'!A0/SP" for sign in "=+-@"} <= rows
    assert not {name for name in rows if name[0] in "=+-@\t\r\n"}


def downloaded(window: Window, path: str, directory: Path) -> str:
    """Press the button on a page, and return the file's text without its byte order mark."""
    page = window.open(path)
    with page.expect_download() as started:
        page.get_by_role("link", name="Baixar CSV").click()
    started.value.save_as(directory / "table.csv")
    data = (directory / "table.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return data.decode("utf-8-sig")


def features(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return total, companies and mean of a row, as Redis writes them."""
    total, average = (
        f"{Decimal(row[name].replace(',', '.')):.2f}"
        for name in ("capital_social_total", "capital_social_medio")
    )
    return total, row["quantidade_empresas"], average
