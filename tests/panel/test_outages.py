"""Redis goes away and comes back, and somebody writes all the time: what pages say meanwhile."""

import csv
import io
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from streaming.domain.cells import UFS, Cell, Sums
from streaming.domain.records import Commit
from streaming.settings import load
from streaming.store import local_server
from streaming.store.store import Store
from tests.harness import in_background
from tests.panel.browsing import panel, plain, table, violations
from tests.panel.conftest import Open

AT = "2026-02-01T12:00:00.000001+00:00"
AWAY = "O Redis não responde"
VIEWS = ("/", "/ranking", "/municipio/Natal/RN", "/crescimento")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """The directory of a server that tests stop and start."""
    directory = tmp_path / "redis"
    directory.mkdir()
    yield directory
    local_server.stop(directory)


def connected(server: Path) -> Store:
    url = local_server.url(server)
    return Store(url, load(_env_file=None, redis_url=url))


def add(store: Store, companies: int = 1) -> int:
    """Commit so many companies in a place of each state; return the version."""
    sums = {
        Cell("Natal" if uf == "RN" else f"Lugar de {uf}", uf, "2025-01", "capital_ate_1000"): Sums(
            Decimal(companies) * 100, companies
        )
        for uf in UFS
    }
    return store.merge(Commit(store.version(), AT, sums, {}, {}))


def test_redis_away_is_said_and_its_return_is_noticed(
    open_window: Open, server: Path, tmp_path: Path
) -> None:
    add(connected(server))
    with panel(tmp_path, REDIS_URL=local_server.url(server)) as address:
        window = open_window(address)
        window.open("/ranking")
        local_server.stop(server)
        for path in VIEWS:
            page = window.open(path)
            assert AWAY in page.get_by_role("status").first.inner_text(), path
            assert violations(page) == [], path
        page = window.open("/ranking")
        assert table(page)[0][1:3] == ["Lugar de AC/AC", "1"], "the last figures are still there"
        window.open("/ingestao", status=503)
        add(connected(server))
        page = window.open("/ranking")
        page.get_by_text(AWAY).wait_for(state="detached")
        page.locator("#versao", has_text="2").wait_for()
        assert table(page)[0][1:3] == ["Lugar de AC/AC", "2"]


def test_a_panel_that_starts_without_redis_waits_for_it(
    open_window: Open, server: Path, tmp_path: Path
) -> None:
    url = local_server.url(server)
    local_server.stop(server)
    with panel(tmp_path, REDIS_URL=url) as address:
        window = open_window(address)
        for path in (*VIEWS, "/ingestao"):
            page = window.open(path, status=503)
            assert page.locator("h1").inner_text() == AWAY
            assert violations(page) == [], path
        page.goto("/ranking")
        add(connected(server))
        page.get_by_role("heading", name="Ranking dos municípios").wait_for()
        assert len(table(page)) == len(UFS)
        window.faults = [fault for fault in window.faults if "status of 503" not in fault]


def test_a_page_tells_of_newer_figures_and_shows_them(
    open_window: Open, server: Path, tmp_path: Path
) -> None:
    store = connected(server)
    add(store)
    with panel(tmp_path, REDIS_URL=local_server.url(server)) as address:
        page = open_window(address).open("/")
        assert page.locator("#novidade").is_hidden()
        add(store)
        page.locator("#novidade").wait_for()
        page.locator("#novidade a").click()
        page.locator("#versao", has_text="2").wait_for()


def test_all_figures_of_a_page_are_of_one_version(
    open_window: Open, server: Path, tmp_path: Path
) -> None:
    store, stop = connected(server), threading.Event()
    add(store)

    def write() -> None:
        while not stop.is_set():
            add(store)

    versions = set()
    with panel(tmp_path, REDIS_URL=local_server.url(server)) as address, in_background(write, stop):
        window = open_window(address)
        for _ in range(8):
            # Each commit brings one company to each of the 27 states.
            page = window.open("/ranking")
            version = whole(page.locator("#versao").inner_text())
            versions.add(version)
            assert whole(page.locator("#soma").inner_text()) == version * len(UFS)
            assert [whole(row[2]) for row in table(page)] == [version] * len(UFS)
            page = window.open("/ranking?nivel=estados")
            version = whole(page.locator("#versao").inner_text())
            assert sum(whole(row[2]) for row in table(page)) == version * len(UFS)
            page = window.open("/")
            version = whole(page.locator("#versao").inner_text())
            total = page.locator("dl.facts dd").first.inner_text()
            assert whole(total) == version * len(UFS)
            texts = page.locator("#mapa circle").evaluate_all("all => all.map(c => c.dataset.t)")
            assert {whole(text.split()[0]) for text in texts} == {version}
            page = window.open("/municipio/Natal/RN")
            version = whole(page.locator("#versao").inner_text())
            assert whole(page.locator("dl.facts dd").first.inner_text()) == version
            assert whole(table(page, "details table")[0][1]) == version
            response = page.request.get("/ranking.csv")
            named = re.search(r"-v(\d+)\.csv", response.headers["content-disposition"])
            assert named is not None
            rows = csv.DictReader(io.StringIO(response.body().decode("utf-8-sig")), delimiter=";")
            assert {row["quantidade_empresas"] for row in rows} == {named[1]}
    assert len(versions) > 1


def whole(text: str) -> int:
    """Return 1.234 as a number."""
    return int(plain(text).replace(".", ""))
