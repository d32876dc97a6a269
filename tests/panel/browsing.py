"""A real Chromium, which notes what no page of ours may do; and the panel as a process."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from tests.harness import ROOT, until

NAMES = ("chromium", "chromium-browser", "google-chrome")
AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = 1280, 390
HEIGHTS = {WIDE: 800, NARROW: 844}


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium of this machine; fail, and say what to install, where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise RuntimeError("Chromium is not installed: scripts/chromium.sh installs it, or says how")
    # Chromium refuses its sandbox to root.
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    return playwright.chromium.launch(executable_path=program, args=flags)


class Window:
    """A window of a browser, without cache and cookies, and what happened in it that should not."""

    def __init__(
        self,
        browser: Browser,
        origin: str,
        *,
        width: int = WIDE,
        scheme: Any = "light",
        scripts: bool = True,
    ) -> None:
        self.origin = origin
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=scheme,
            base_url=origin,
            java_script_enabled=scripts,
        )
        self.page: Page = self.context.new_page()
        self.context.on("request", lambda request: self._asked(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("console", self._said)

    def _asked(self, url: str) -> None:
        if not url.startswith(f"{self.origin}/"):
            self.faults.append(f"left the panel: {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def open(self, path: str, *, status: int = 200) -> Page:
        """Open a page of the panel, and assert its status."""
        response = self.page.goto(path)
        assert response is not None
        assert response.status == status, (path, response.status, self.page.locator("main").inner_text())
        if status != 200:  # Chromium notes it as an error, as it should
            self.faults = [fault for fault in self.faults if f"status of {status}" not in fault]
        return self.page

    def close(self) -> None:
        """Close it, and assert that nothing happened that should not."""
        self.context.close()
        assert self.faults == []


def table(page: Page, selector: str = "main table") -> list[list[str]]:
    """Return the text of each cell of a table's body."""
    cells = page.locator(selector).first.evaluate(
        "t => [...t.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return [[plain(cell) for cell in row] for row in cells]


def facts(page: Page) -> dict[str, str]:
    """Return the figures at the head of a page."""
    pairs = page.locator("dl.facts > div").evaluate_all(
        "all => all.map(d => [d.querySelector('dt').textContent, d.querySelector('dd').textContent])"
    )
    return {plain(name): plain(value) for name, value in pairs}


def section(page: Page, heading: str) -> str:
    """Return the selector of the table of the section with this heading."""
    return f'section:has(> h2:text-is("{heading}")) table'


def plain(text: str) -> str:
    """Return a text with single spaces."""
    return " ".join(text.split())


def violations(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2 at level AA."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": AA}})
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """Return how many pixels a page is wider than its window."""
    width = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
    return int(page.evaluate(width))


@contextmanager
def panel(directory: Path, **settings: str) -> Iterator[str]:
    """Run the panel as people do, in this directory, and yield its address; ended afterwards."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = directory / "panel.log"
    for zone in ("landing_zone", "checkpoints"):
        (directory / zone).mkdir(exist_ok=True)
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming", "panel", "--port", "0"],
            cwd=directory,
            env={**kept, "PYTHONPATH": str(ROOT), "LOG_FORMAT": "json", **settings},
            stdout=stderr,
            stderr=stderr,
        )
    try:
        yield until(lambda: _address(log, process), what="the panel's start")
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == -signal.SIGTERM, log.read_text()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str | None:
    text = log.read_text()
    assert process.poll() is None, text
    for line in text.splitlines():
        if '"address"' in line:
            return str(json.loads(line)["address"])
    return None
