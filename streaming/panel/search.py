"""Which places someone means who types a name, a beginning of it, or a code of IBGE."""

from collections.abc import Iterable

from streaming.domain import municipalities, suggestions
from streaming.domain.cells import UFS
from streaming.domain.features import Features
from streaming.jobs import places
from streaming.panel.snapshot import Snapshot

MOST = 20


def matching(snapshot: Snapshot, typed: str, most: int = MOST) -> list[Features]:
    """
    Return the places meant: states by their two letters, municipalities by code, name or beginning.

    Capitals, accents and punctuation do not count. `nome/UF` means one state. The name itself comes
    before names that only begin so; more companies come first.
    """
    typed = typed.strip()
    if typed.upper() in UFS:
        return [f for f in snapshot.states if f.estado == typed.upper()]
    if typed.isascii() and typed.isdecimal():
        by_code = {m.codigo_ibge: m.key for m in municipalities.every()}
        return _of(snapshot, [by_code[typed]] if typed in by_code else [])
    name, uf = places.split(typed)
    letters = municipalities.letters(name)
    exact = {m.key for m in suggestions.meant(name, uf)}
    begin = [
        f
        for f in snapshot.municipalities
        if uf in (None, f.estado)
        and (f.key in exact or (letters and municipalities.letters(f.cidade or "").startswith(letters)))
    ]
    ordered = sorted(
        begin,
        key=lambda f: (
            f.key not in exact and municipalities.letters(f.cidade or "") != letters,
            -f.quantidade_empresas,
            f.key,
        ),
    )
    return ordered[:most]


def is_certain(matches: list[Features], typed: str) -> bool:
    """Return whether only one place can be meant: it is alone, or alone in having just this name."""
    if len(matches) < 2:
        return len(matches) == 1
    letters = municipalities.letters(places.split(typed)[0])
    return [municipalities.letters(f.cidade or "") == letters for f in matches[:2]] == [True, False]


def without_openings(typed: str) -> list[str]:
    """Return the municipalities that a name means, whether anything was opened there or not."""
    return [m.key for m in suggestions.meant(*places.split(typed.strip()))]


def suggestion(typed: str) -> str | None:
    """Return the official name that is near to what was typed; None: none is, or several are."""
    return suggestions.suggestion(typed.strip(), None)


def _of(snapshot: Snapshot, named: Iterable[str]) -> list[Features]:
    every = snapshot.places
    return [every[place] for place in named if place in every]
