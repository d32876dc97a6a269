"""
`make screenshots`: pictures of the panel's views, from the data of `make demo`.

What is in `.demo/` is used, and is made first where it is missing. A real Chromium takes them; each is a
PNG file in `docs/images/` with a palette, so that it stays small.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from examples import demo
from streaming.errors import CityFeaturesError
from streaming.store import local_server

IMAGES = demo.ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COLOURS = 128
START_SECONDS = 60
ADDRESS = '"address": "'


class Picture(NamedTuple):
    """One picture: the name of its file, the view, the width of the window and the colours."""

    name: str
    path: str
    width: int = 1280
    scheme: Literal["light", "dark"] = "light"
    height: int = 800


PICTURES = (
    Picture("mapa", "/"),
    Picture("mapa-escuro", "/", scheme="dark"),
    Picture("mapa-celular", "/", width=390, height=844),
    Picture("ranking", "/ranking"),
    Picture("ranking-escuro", "/ranking", scheme="dark"),
    Picture("municipio", "/municipio/Sinop/MT"),
    Picture("municipio-escuro", "/municipio/Sinop/MT", scheme="dark"),
    Picture("crescimento", "/crescimento"),
    Picture("crescimento-escuro", "/crescimento", scheme="dark"),
    Picture("ingestao", "/ingestao"),
    Picture("ingestao-escuro", "/ingestao", scheme="dark"),
)


def main() -> None:
    """Take all pictures; exit with 1, and one line, where that fails."""
    try:
        if not (demo.DIRECTORY / ".redis").is_dir():
            demo.show(demo.DIRECTORY)
        take(demo.DIRECTORY, IMAGES, PICTURES)
    except (CityFeaturesError, OSError) as error:
        sys.exit(f"screenshots: {error}")


def take(directory: Path, images: Path, pictures: tuple[Picture, ...]) -> None:
    """
    Take pictures of a panel on the data in a directory of the demonstration.

    Raises:
        CityFeaturesError: the server of the data does not start or stop.
        OSError: there is no browser, the panel does not start, or a picture cannot be written.
    """
    images.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise FileNotFoundError("no Chromium: scripts/chromium.sh installs one, or says how")
    server = directory / ".redis"
    url = local_server.url(server)
    try:
        with _panel(directory, url) as address, sync_playwright() as playwright:
            # Chromium refuses its sandbox to root.
            flags = ["--no-sandbox"] if os.getuid() == 0 else []
            with closing(playwright.chromium.launch(executable_path=program, args=flags)) as browser:
                for picture in pictures:
                    target = images / f"{picture.name}.png"
                    target.write_bytes(small(_taken(browser, address, picture)))
                    _say(f"{target} {target.stat().st_size / 1000:.0f} kB")
    finally:
        local_server.stop(server)


def small(png: bytes) -> bytes:
    """Return a picture with a palette of COLOURS colours."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        palette = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        palette.save(written, "PNG", optimize=True)
    return written.getvalue()


def _taken(browser: Browser, address: str, picture: Picture) -> bytes:
    size = {"width": picture.width, "height": picture.height}
    context = browser.new_context(viewport=size, color_scheme=picture.scheme)  # type: ignore[arg-type]
    with closing(context):
        page = context.new_page()
        page.goto(address + quote(picture.path, safe="/?=&"), wait_until="networkidle")
        return page.screenshot(animations="disabled")


@contextmanager
def _panel(directory: Path, url: str) -> Iterator[str]:
    """Run the panel on these data, and yield its address."""
    environment = {**demo.environment(url), "LOG_FORMAT": "json"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming", "panel", "--port", "0"],
            cwd=directory,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while ADDRESS not in (text := _text(log.fileno())):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ChildProcessError(f"the panel did not start: {text}")
                time.sleep(0.1)
            yield text.partition(ADDRESS)[2].partition('"')[0]
        finally:
            process.terminate()
            process.wait()


def _text(log: int) -> str:
    """Return what was written to a log so far, which others write to meanwhile."""
    return os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
