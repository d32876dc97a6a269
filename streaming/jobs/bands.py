"""The job `bands`: the companies of a place by capital band, and the band that the median is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from streaming.domain.catalogue import BANDED
from streaming.domain.cells import BANDS
from streaming.errors import CityFeaturesError
from streaming.jobs.places import BRAZIL
from streaming.store.store import Store


@dataclass(frozen=True)
class Band:
    """
    The companies of a place with a capital in one band.

    Attributes:
        faixa: the name of the band, as in Redis.
        quantidade_empresas: its companies.
        participacao: their share of those of the place, from 0 to 1.
        mediana: whether the median capital is in it: at least half of the companies have a capital in it
            or below, and it is the first such band.
    """

    faixa: str
    quantidade_empresas: int
    participacao: Decimal
    mediana: bool


def of(store: Store, place: str) -> list[Band]:
    """
    Return every capital band of a place, in ascending order; those of a state add up its municipalities.

    Args:
        store: where the features are.
        place: a municipality (`São Paulo/SP`), a state (`SP`) or the country (`BR`).

    Raises:
        CityFeaturesError: there is nothing of it.
    """
    shares = shares_of(_hashes(store, place))
    if not shares:
        raise CityFeaturesError(f"no companies of {place!r}; city-features show lists all there are")
    return shares


def shares_of(hashes: Sequence[Mapping[str, str | int]]) -> list[Band]:
    """Return every capital band of the places with these hashes together; none without companies."""
    counts = [sum(int(fields.get(band, 0)) for fields in hashes) for band in BANDS]
    whole = sum(counts)
    if not whole:
        return []
    median = next(n for n in range(len(BANDS)) if 2 * sum(counts[: n + 1]) >= whole)
    return [
        Band(band, number, _share(number, whole), n == median)
        for n, (band, number) in enumerate(zip(BANDS, counts, strict=True))
    ]


def _hashes(store: Store, place: str) -> list[dict[str, str]]:
    """Return the bands of each municipality of a place."""
    cidade, _, estado = place.rpartition("/")
    if cidade:
        return [store.hash(BANDED.key_of({"cidade": cidade, "estado": estado}))]
    each = store.group_hashes(BANDED).items()
    return [fields for key, fields in each if place == BRAZIL or key.endswith(f"/{place}")]


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)
