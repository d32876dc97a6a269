"""The job `places`: which places in Redis a name means, as people type it."""

from streaming.domain import municipalities, suggestions
from streaming.domain.catalogue import COMPANIES
from streaming.domain.cells import UFS
from streaming.domain.features import Features
from streaming.errors import CityFeaturesError
from streaming.store.store import Store

BRAZIL = "BR"


def features(store: Store, typed: str) -> list[Features]:
    """
    Return the features of a city in every state, or of one place, in the order of the keys.

    Args:
        store: where the features are.
        typed: a name, or a name and a state: `São Paulo`, `sao paulo`, `sao paulo/sp`. It means the keys
            that are so written, and the municipalities that are so called; if there is none of these,
            the places in Redis with the same letters.

    Raises:
        CityFeaturesError: there are none; the message has the nearest name, if one is near.
    """
    cidade, uf = split(typed)
    names = {m.nome for m in suggestions.meant(cidade, uf)}
    shown = store.features(typed) + _of(store, names - {typed}, uf)
    shown = shown or _of(store, _alike(store, cidade), uf)
    if not shown:
        raise CityFeaturesError(
            f"no features of {typed!r};{_hint(cidade, uf)} city-features show lists all there are"
        )
    return sorted({f.key: f for f in shown}.values(), key=lambda f: f.key)


def place(store: Store, typed: str) -> str:
    """
    Return the place meant: a municipality (`São Paulo/SP`), a state (`SP`) or the country (`BR`).

    Raises:
        CityFeaturesError: there is none, or there are several; the message names them.
    """
    if typed.upper() in (*UFS, BRAZIL):
        return typed.upper()
    keys = [f.key for f in features(store, typed) if f.cidade is not None and f.estado is not None]
    if len(keys) != 1:
        which = f"in several states: say which of {', '.join(keys)}" if keys else "no place"
        raise CityFeaturesError(f"{typed!r} is {which}")
    return keys[0]


def split(typed: str) -> tuple[str, str | None]:
    """Return the city and the state, None where there is none, of what was typed."""
    cidade, _, uf = typed.rpartition("/")
    uf = uf.strip().upper()
    return (cidade, uf) if cidade and uf in UFS else (typed, None)


def _of(store: Store, names: set[str], uf: str | None) -> list[Features]:
    """Return the features of cities of these names; of those in one state only, if it is given."""
    every = (f for name in sorted(names) for f in store.features(name))
    return [f for f in every if uf in (None, f.estado)]


def _alike(store: Store, cidade: str) -> set[str]:
    """Return the names in Redis that have the same letters and digits."""
    letters = municipalities.letters(cidade)
    names = {key.rpartition("/")[0] for key in store.scores(COMPANIES)} if letters else set()
    return {name for name in names if municipalities.letters(name) == letters}


def _hint(cidade: str, uf: str | None) -> str:
    """Return what the name may have meant, as a part of a message."""
    if suggestions.meant(cidade, uf):
        return ""  # the name is right, and has no companies yet
    name = suggestions.suggestion(cidade, uf)
    if name is not None:
        return f" did you mean {name}{f'/{uf}' if uf else ''}?"
    states = suggestions.elsewhere(cidade, uf) if uf else []
    return f" it exists in {', '.join(states)};" if states else ""
