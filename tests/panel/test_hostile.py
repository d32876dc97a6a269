"""Texts that are made to do harm are shown as text, and break no page."""

from urllib.parse import quote

import pytest

from tests.panel.browsing import NARROW, WIDE, overflow, table
from tests.panel.conftest import Open, Site
from tests.panel.hostile import CITIES, FILES, LONG, SCRIPT

VIEWS = ("/", "/ranking", "/crescimento", "/ingestao", "/municipio?q=<script>")


def visible(text: str) -> str:
    """Return a text as pages show it: what cannot be seen is replaced by its code."""
    return "".join(c if c.isprintable() else f"<{ord(c):02X}>" for c in text)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_text_runs_nor_widens_a_page(open_window: Open, hostile: Site, width: int) -> None:
    window = open_window(hostile, width=width)
    for path in VIEWS:
        page = window.open(path)
        assert page.locator("main script, main img, main iframe").count() == 0, path
        assert overflow(page) == 0, path


def test_the_ranking_shows_each_name_as_text(open_window: Open, hostile: Site) -> None:
    page = open_window(hostile).open("/ranking")
    names = page.locator("main tbody th").evaluate_all("all => all.map(cell => cell.textContent)")
    assert sorted(names) == sorted(visible(f"{cidade}/SP") for cidade in CITIES)


@pytest.mark.parametrize("cidade", CITIES)
def test_each_name_has_its_page(open_window: Open, hostile: Site, cidade: str) -> None:
    window = open_window(hostile, width=NARROW)
    page = window.open(f"/municipio/{quote(cidade, safe='')}/SP")
    assert page.locator("h1").inner_text() == " ".join(visible(f"{cidade}/SP").split())
    assert overflow(page) == 0


def test_a_link_in_the_ranking_leads_to_each_page(open_window: Open, hostile: Site) -> None:
    window = open_window(hostile)
    page = window.open("/ranking")
    links = page.locator("main tbody th a").evaluate_all("all => all.map(a => [a.textContent, a.href])")
    assert len(links) == len(CITIES)
    for name, address in links:
        page = window.open(address)
        assert page.locator("h1").text_content() == name


def test_a_tip_shows_a_hostile_name_as_text(open_window: Open, hostile: Site) -> None:
    window = open_window(hostile)
    page = window.open("/municipio?q=oooo")
    page.get_by_label("Município: nome").fill("script")
    assert page.locator("datalist script, datalist img").count() == 0


def test_rejected_rows_are_shown_as_text(open_window: Open, hostile: Site) -> None:
    window = open_window(hostile)
    page = window.open("/ingestao")
    quarantined = page.locator("#quarentena ~ div code.raw").evaluate_all(
        "a => a.map(c => c.textContent)"
    )
    assert SCRIPT in quarantined
    assert "<202E><2066><00><1B>[2J<FEFF>" in quarantined
    files = {row[0] for row in table(page, 'div[aria-label="Arquivos"] table')}
    assert files == {visible(name) for name in FILES}


def test_a_name_of_300_letters_is_there_whole(open_window: Open, hostile: Site) -> None:
    page = open_window(hostile, width=NARROW).open(f"/municipio/{quote(LONG)}/SP")
    assert page.locator("h1").inner_text() == f"{LONG}/SP"
