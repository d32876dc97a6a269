"""
What the shell completes: names of cities and of files with rejected rows.

It starts no server, waits a second at most, and is silent about whatever goes wrong: a shell that
completes is no place for errors.
"""

import os
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress

from streaming import logs
from streaming.errors import CityFeaturesError
from streaming.landing import places, quarantine
from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import Store

SECONDS = 1.0
_SPECIAL = re.compile(r"([^\w./~@%+:,-])")


def cities(incomplete: str) -> list[str]:
    """Return the cities that begin so, whatever the accents and capitals."""
    return _matching(incomplete, _in_time(_cities))


def files(incomplete: str) -> list[str]:
    """Return the files with rejected rows that begin so."""
    return _matching(incomplete, _in_time(_files))


def _cities(settings: Settings) -> Iterable[str]:
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    url = url or local_server.running(settings.redis_dir)
    keys = Store(url, settings, retries=0).keys("*", kind="hash") if url else set()
    return (key for key in keys if ":" not in key)


def _files(settings: Settings) -> Iterable[str]:
    return {row["file"] for row in quarantine.rows(places.quarantine(settings))}


def _in_time(look: Callable[[Settings], Iterable[str]]) -> list[str]:
    names: list[str] = []

    def collect() -> None:
        with suppress(CityFeaturesError, OSError):
            settings = load(log_level="error")
            logs.configure(settings)
            names.extend(look(settings))

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return names


class _Match(str):
    """A name that fits what was typed: Typer would compare the two with their quotes and accents."""

    def startswith(self, *_: object) -> bool:
        return True


def _matching(incomplete: str, names: list[str]) -> list[str]:
    start = _letters(incomplete)
    return [_Match(_escaped(name)) for name in sorted(names) if _letters(name).startswith(start)]


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _escaped(name: str) -> str:
    """Return a name as bash needs it, which takes it as it is; other shells quote for themselves."""
    words = os.environ.get("COMP_WORDS", "")
    is_quoted = words.count('"') % 2 or words.count("'") % 2
    return _SPECIAL.sub(r"\\\1", name) if words and not is_quoted else name
