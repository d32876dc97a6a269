"""Every view for everybody: axe, the keyboard, small windows, no scripts; and nothing from elsewhere."""

import pytest
from playwright.sync_api import Page

from tests.panel.browsing import NARROW, WIDE, Window, overflow, violations
from tests.panel.conftest import Open, Site

VIEWS = (
    "/",
    "/?por=crescimento_minimo&estado=SP",
    "/ranking",
    "/ranking?nivel=estados&por=capital_social_medio",
    "/municipio/São Paulo/SP",
    "/municipio?q=porto a",
    "/crescimento",
    "/ingestao",
)
FOCUSED = """() => {
    const e = document.activeElement, style = getComputedStyle(e);
    return [e.tagName, e.name || e.textContent.trim(),
            style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
}"""


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view(
    open_window: Open, brazil: Site, nothing: Site, hostile: Site, width: int, scheme: str
) -> None:
    for site, views in ((brazil, VIEWS), (nothing, ("/", "/ingestao")), (hostile, VIEWS[-1:])):
        window = open_window(site, width=width, scheme=scheme)
        for path in views:
            page = window.open(path)
            assert violations(page) == [], (path, width, scheme)
            assert overflow(page) == 0, (path, width, scheme)


def test_dark_is_dark_and_light_is_light(open_window: Open, nothing: Site) -> None:
    pages = [open_window(nothing, scheme=scheme).open("/") for scheme in ("light", "dark")]
    light, dark = (_brightness(page) for page in pages)
    assert light > 200
    assert dark < 60


def test_the_keyboard_reaches_everything_and_shows_where_it_is(window: Window) -> None:
    page = window.open("/ranking")
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        tag, name, is_visible = page.evaluate(FOCUSED)
        assert is_visible, (tag, name)
        reached.append(name)
    links = ["Ir para o conteúdo", "City features", "Mapa", "Ranking", "Crescimento", "Ingestão"]
    controls = ["q", "Buscar", "por", "nivel", "estado", "de", "ate", "Mostrar", "Baixar CSV"]
    assert [n for n in map(_name, reached) if n in {*links, *controls}] == links + controls


def test_the_keyboard_skips_to_the_content_and_chooses(window: Window) -> None:
    page = window.open("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "conteudo"
    page.get_by_label("Estado").focus()
    page.keyboard.press("A")
    page.keyboard.press("C")
    assert "estado" not in page.url, "a choice is not taken before the button is pressed"
    with page.expect_navigation():
        page.get_by_role("button", name="Mostrar").press("Enter")
    assert page.url.split("#")[0].endswith("/?por=quantidade_empresas&estado=AC")


def test_a_choice_with_the_mouse_counts_at_once(window: Window) -> None:
    page = window.open("/")
    page.locator("select[name=por]").click()
    with page.expect_navigation():
        page.locator("select[name=por]").select_option("capital_social_total")
    assert page.locator("h1").inner_text() == "Capital social total por município"


def test_all_but_tips_works_without_scripts(open_window: Open, brazil: Site) -> None:
    page = open_window(brazil, scripts=False).open("/")
    assert page.locator("#mapa circle").count() == 5571
    page.get_by_label("Município: nome").fill("sao paulo")
    page.get_by_role("button", name="Buscar").click()
    assert page.locator("h1").inner_text() == "São Paulo/SP"


def test_a_policy_keeps_out_whatever_is_not_ours(window: Window) -> None:
    for path in VIEWS:
        page = window.open(path)
        response = page.request.get(path)
        policy = dict(
            part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert "unsafe" not in str(policy)
        assert {"form-action", "base-uri", "frame-ancestors"} <= policy.keys()
        assert page.locator("script:not([src]), [style], [onclick], [onload]").count() == 0, path


def test_a_foreign_script_and_picture_are_not_loaded(open_window: Open, nothing: Site) -> None:
    window = open_window(nothing)
    page = window.open("/")
    for element in ("<img src='https://example.com/x.png'>", "<style>body { color: red }</style>"):
        page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", element)
    assert page.evaluate("document.images[0].complete && !document.images[0].naturalWidth")
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    refused = [fault for fault in window.faults if "Content Security Policy" in fault]
    assert len(refused) == 2
    window.faults.clear()


def test_nothing_counted_yet_says_what_to_do(open_window: Open, nothing: Site) -> None:
    window = open_window(nothing)
    for path in ("/", "/ranking", "/crescimento"):
        page = window.open(path)
        assert page.locator("h1").inner_text() == "Ainda não há empresas"
        assert "city-features run" in page.locator("main").inner_text()
    assert window.open("/ingestao").locator("h1").inner_text() == "Ingestão"
    assert window.open("/municipio/São Paulo/SP").locator("h1").inner_text() == "São Paulo/SP"


@pytest.mark.parametrize("path", ["/nada", "/municipio/Atlântida/SP", "/municipio/x/y/z", "/static/x"])
def test_an_address_that_is_none_says_so(open_window: Open, brazil: Site, path: str) -> None:
    page = open_window(brazil).open(path, status=404)
    assert page.locator("h1").inner_text() == "Esta página não existe"


@pytest.mark.parametrize(
    "query",
    ["por=x", "estado=XX", "pagina=-1", "pagina=99999999", "de=2025-99", "meses=0", "por=%00%ff"],
)
def test_a_choice_that_makes_no_sense_is_left_out(window: Window, query: str) -> None:
    for view in ("/", "/ranking", "/crescimento"):
        window.open(f"{view}?{query}")


def _name(text: str) -> str:
    return " ".join(text.split())


def _brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / len(parts)
