"""
Which municipality a name may have meant that is none in its state.

Names are compared by their letters (`municipalities.letters`). The nearest name alone proves little: of
towns whose name changed, it was each time another town. So there is a suggestion only where one name is
near and no other is nearly as near.

Only what reads features needs this: a run does not, and does not load rapidfuzz.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from streaming.domain import municipalities
from streaming.domain.cells import UFS
from streaming.domain.municipalities import Municipality

NEAR = 85.0
"""The least likeness of a suggestion: `rapidfuzz.fuzz.ratio`, from 0 to 100."""
AHEAD = 5.0
"""By how much it is nearer than the next."""


@dataclass(frozen=True)
class UnknownPlace:
    """
    A place in the features whose city is no municipality of its state.

    Attributes:
        lugar: its key: `Sao Polo/SP`.
        quantidade_empresas: its companies.
        sugestao: the official name that was probably meant, in the same state; None: none is near, or
            several are.
        existe_em: the other states that have a municipality of this name, in order.
    """

    lugar: str
    quantidade_empresas: int
    sugestao: str | None
    existe_em: list[str]


@dataclass(frozen=True)
class UnknownPlaces:
    """
    The places in the features that are no municipality.

    Attributes:
        places: how many there are.
        companies: how many companies they have.
        first: those with the most companies, in descending order.
    """

    places: int
    companies: int
    first: list[UnknownPlace]


def unknown(scores: Mapping[str, float], most: int | None) -> UnknownPlaces:
    """
    Return what is no municipality of IBGE among the places with these numbers of companies.

    Args:
        scores: the number of companies by key, `{cidade}/{estado}`.
        most: how many are listed; None: all.
    """
    official = {m.key for m in municipalities.every()} if scores else set()
    others = sorted((-int(score), key) for key, score in scores.items() if key not in official)
    listed = [_unknown(key, -negative) for negative, key in others[:most]]
    return UnknownPlaces(len(others), -sum(negative for negative, _ in others), listed)


def _unknown(key: str, companies: int) -> UnknownPlace:
    cidade, _, uf = key.rpartition("/")
    return UnknownPlace(key, companies, suggestion(cidade, uf), elsewhere(cidade, uf))


def suggestion(cidade: str, uf: str | None) -> str | None:
    """
    Return the official name that a name probably means in a state, or None.

    It is that of the municipality that the name means (`municipalities.resolve`); else the nearest with
    a likeness of 85 or more, 5 or more ahead of the next. For no state, all names of the country are
    compared.
    """
    means = {m.nome for m in meant(cidade, uf)}
    if means:
        return means.pop() if len(means) == 1 else None
    from rapidfuzz import fuzz, process

    names = _names(uf)
    ranked = process.extract(
        municipalities.letters(cidade), names, scorer=fuzz.ratio, limit=2, score_cutoff=NEAR - AHEAD
    )
    if not ranked or ranked[0][1] < NEAR:
        return None
    if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < AHEAD:
        return None
    return str(ranked[0][2])


def meant(cidade: str, uf: str | None) -> list[Municipality]:
    """Return the municipalities that a spelling means: at most one in each state, or in this one."""
    each = (municipalities.resolve(cidade, one) for one in ([uf] if uf else UFS))
    return [municipality for municipality in each if municipality is not None]


def elsewhere(cidade: str, uf: str) -> list[str]:
    """Return the other states that have a municipality of this name, however it is written."""
    return [m.uf for m in meant(cidade, None) if m.uf != uf]


@cache
def _names(uf: str | None) -> dict[str, str]:
    """Return the letters of each official name of a state, or of the country, by the name."""
    every: Iterable[Municipality] = municipalities.every()
    return {m.nome: municipalities.letters(m.nome) for m in every if uf in (None, m.uf)}
