"""Fixtures of the panel: a real browser, a real store with openings everywhere, the panel on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from streaming.domain.records import Record
from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import Store
from tests.panel import hostile as harmful
from tests.panel import openings
from tests.panel.browsing import Window, launch, panel
from tests.panel.openings import Openings

Open = Callable[..., Window]


@dataclass(frozen=True)
class Site:
    """A panel, what it shows and where that is."""

    address: str
    store: Store
    directory: Path


# Of the package, not of the session: Playwright's loop would be in the way of others' asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the panel."""
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the panel's tests, in which each site has a prefix of its own."""
    directory = tmp_path_factory.mktemp("redis")
    yield local_server.url(directory)
    local_server.stop(directory)


@pytest.fixture(scope="package")
def site(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Makes a panel on a store of this name, after it was filled."""
    with ExitStack() as running:

        def made(name: str, fill: Callable[[Store, Settings], object] = lambda *_: None) -> Site:
            directory = tmp_path_factory.mktemp(name)
            settings = load(
                _env_file=None,
                redis_url=url,
                feature_prefix=f"{name}:",
                landing_zone=directory / "landing_zone",
            )
            store = Store(url, settings)
            fill(store, settings)
            address = running.enter_context(panel(directory, REDIS_URL=url, FEATURE_PREFIX=f"{name}:"))
            return Site(address, store, directory)

        yield made


@pytest.fixture(scope="package")
def everywhere() -> Openings:
    """Openings in all municipalities, and what they add up to."""
    return openings.everywhere()


@pytest.fixture(scope="package")
def brazil(site: Callable[..., Site], everywhere: Openings) -> Site:
    """A panel that shows openings in all municipalities."""
    return site("brasil", lambda store, _: everywhere.commit(store))


@pytest.fixture(scope="package")
def records(brazil: Site) -> dict[str, Record]:
    """The records of the files that brought them."""
    return brazil.store.records()


@pytest.fixture(scope="package")
def hostile(site: Callable[..., Site]) -> Site:
    """A panel on cities, files and rejected rows that are made to do harm."""
    return site("hostil", harmful.fill)


@pytest.fixture(scope="package")
def nothing(site: Callable[..., Site]) -> Site:
    """A panel on an empty store."""
    return site("vazio")


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Open]:
    """Opens windows of the browser; at the end nothing may have happened in them that should not."""
    windows: list[Window] = []

    def opened(where: Site | str, **kwargs: Any) -> Window:
        origin = where if isinstance(where, str) else where.address
        windows.append(Window(browser, origin, **kwargs))
        return windows[-1]

    yield opened
    for window in windows:
        window.close()


@pytest.fixture
def window(open_window: Open, brazil: Site) -> Window:
    """A window on the panel that shows openings everywhere."""
    return open_window(brazil)
