"""`python -m tests.panel` prints how soon the panel draws all municipalities: medians of ten."""

import tempfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, sync_playwright

from streaming.settings import load
from streaming.store import local_server
from streaming.store.store import Store
from tests.panel import openings
from tests.panel.browsing import launch, panel
from tests.panel.speed import VIEWS, cold, middle, transferred, warm

TIMES = 10


def main() -> None:
    """Fill a store of its own, measure and print a table."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "redis").mkdir()
        url = local_server.url(directory / "redis")
        try:
            openings.everywhere().commit(Store(url, load(_env_file=None, redis_url=url)))
            with panel(directory, REDIS_URL=url) as address, sync_playwright() as playwright:
                browser = launch(playwright)
                measure(browser, address)
                browser.close()
        finally:
            local_server.stop(directory / "redis")


def measure(browser: Browser, address: str) -> None:
    """Print a line for each view."""
    print(f"{'view':<28} {'first paint':>12} {'whole view':>12} {'on the wire':>12}")
    paths = {"map, nothing in the cache": "/", **VIEWS}
    for name, path in paths.items():
        target = address + quote(path, safe="/?=&")
        paints = (
            cold(browser, target, TIMES) if path == "/" else warm(browser, f"{address}/", target, TIMES)
        )
        first, whole = middle(paints)
        size = transferred(browser, target) / 1000
        print(f"{name:<28} {first:>9.0f} ms {whole:>9.0f} ms {size:>9.0f} kB", flush=True)


if __name__ == "__main__":
    main()
