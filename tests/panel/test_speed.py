"""All municipalities are drawn soon; `python -m tests.panel` prints the medians of ten."""

from urllib.parse import quote

from playwright.sync_api import Browser

from tests.panel.conftest import Site
from tests.panel.speed import VIEWS, cold, transferred, warm

# More than is aimed for (2 s and 1 s), and the best of three: the machine may have other work.
BOUND = 4_000
TIMES = 3
BYTES = 500_000


def test_a_first_map_of_all_municipalities_is_drawn_soon(browser: Browser, brazil: Site) -> None:
    address = f"{brazil.address}/"
    assert min(paint.whole for paint in cold(browser, address, TIMES)) < BOUND


def test_later_views_are_drawn_sooner(browser: Browser, brazil: Site) -> None:
    first = f"{brazil.address}/"
    for name, path in VIEWS.items():
        paints = warm(browser, first, brazil.address + quote(path, safe="/?=&"), TIMES)
        assert min(paint.whole for paint in paints) < BOUND, name


def test_a_map_of_all_municipalities_is_small(browser: Browser, brazil: Site) -> None:
    assert transferred(browser, f"{brazil.address}/") < BYTES
