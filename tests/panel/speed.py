"""How soon a view is drawn: from the request to the frame that shows all of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from statistics import median
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page

VIEWS = {
    "map of another feature": "/?por=capital_social_medio",
    "map of growth": "/?por=crescimento_minimo",
    "ranking": "/ranking",
    "municipality": "/municipio/São Paulo/SP",
    "growth": "/crescimento",
    "ingestion": "/ingestao",
}
# The second frame after everything is loaded: the first one is drawn by then.
DRAWN = """() => new Promise(done => requestAnimationFrame(
    () => requestAnimationFrame(() => done(performance.now()))
))"""
FIRST = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


class Paint(NamedTuple):
    """Milliseconds from the request to the first text or drawing, and to the whole view."""

    first: float
    whole: float


def drawn(page: Page, address: str) -> Paint:
    """Open an address, and return when it was drawn."""
    page.goto(address, wait_until="load")
    whole = page.evaluate(DRAWN)
    first = page.wait_for_function(FIRST).json_value()
    return Paint(first, max(first, whole))


def cold(browser: Browser, address: str, times: int) -> list[Paint]:
    """Return when a page is drawn in a browser that was never there."""
    paints = []
    for _ in range(times):
        with _window(browser) as context:
            paints.append(drawn(context.new_page(), address))
    return paints


def warm(browser: Browser, first: str, address: str, times: int) -> list[Paint]:
    """Return when a page is drawn in a browser that comes from the first one."""
    with _window(browser) as context:
        page = context.new_page()
        return [(drawn(page, first), drawn(page, address))[1] for _ in range(times)]


def transferred(browser: Browser, address: str) -> int:
    """Return how many bytes a page and all it needs are on their way, compressed as they are."""
    with _window(browser) as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[int] = []
        session.on(
            "Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"]))
        )
        page.goto(address, wait_until="networkidle")
        return sum(sizes)


def middle(paints: Sequence[Paint]) -> Paint:
    """Return the medians."""
    return Paint(median(p.first for p in paints), median(p.whole for p in paints))


@contextmanager
def _window(browser: Browser) -> Iterator[BrowserContext]:
    with closing(browser.new_context(viewport={"width": 1280, "height": 800})) as context:
        yield context
