"""The job `crescimento`: which municipalities, or states, grow, by what is certain of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from streaming.domain import growth
from streaming.domain.catalogue import COUNTRY, MONTHLY, MUNICIPALITY, STATE
from streaming.domain.growth import Growth
from streaming.errors import CityFeaturesError
from streaming.jobs import monthly
from streaming.store.store import Store


@dataclass(frozen=True)
class Crescimento:
    """
    The growth of municipalities, or of states, between two periods.

    Attributes:
        de, ate: the first and the last month of the period (AAAA-MM).
        base_de, base_ate: those of the period that it is compared with.
        faltam: months of either that the data does not have: then nothing has a base.
        poucas: how many have fewer openings in both periods than are needed (growth.FLOOR).
        lugares: the others, the most certain growth first.
    """

    de: str
    ate: str
    base_de: str
    base_ate: str
    faltam: list[str]
    poucas: int
    lugares: list[Growth]


def crescimento(
    store: Store,
    *,
    months: int = 12,
    estado: str | None = None,
    adjacent: bool = False,
    last: str | None = None,
    states: bool = False,
) -> Crescimento:
    """
    Return how the openings of the municipalities grew, as `growth.growth` says.

    Args:
        store: where the features are.
        months: how many months each period has.
        estado: only the municipalities of this state, or this state.
        adjacent: compare with the months just before, not with the same months a year before.
        last: the last month of the period, AAAA-MM, instead of the last complete one of the data.
        states: the states instead of the municipalities.

    Raises:
        CityFeaturesError: nothing was counted yet.
    """
    country = MONTHLY[COUNTRY]
    group = MONTHLY[STATE if states else MUNICIPALITY]
    openings = {
        key.rpartition(":")[2]: monthly.counts(group, fields)
        for key, fields in store.group_hashes(group).items()
    }
    known = monthly.counts(country, store.hash(country.key_of({})))
    return grown(known, openings, months=months, estado=estado, adjacent=adjacent, last=last)


def grown(
    known: Mapping[str, int],
    openings: Mapping[str, Mapping[str, int]],
    *,
    months: int = 12,
    estado: str | None = None,
    adjacent: bool = False,
    last: str | None = None,
) -> Crescimento:
    """
    Return the growth of places with these openings by month, as `crescimento` does.

    Args:
        known: the openings of the whole country by month.
        openings: those of each municipality (`São Paulo/SP`), or of each state (`SP`).
        months, estado, adjacent, last: as for `crescimento`.

    Raises:
        CityFeaturesError: nothing was counted yet.
    """
    if not known:
        raise CityFeaturesError("no openings by month yet: run city-features run first")
    compared = growth.periods(known, months, last=last, adjacent=adjacent)
    growths = [
        growth.growth(place, own, compared)
        for place, own in openings.items()
        if estado is None or place.rpartition("/")[2] == estado
    ]
    ranked = growth.ranked(growths)
    return Crescimento(
        compared.now[0],
        compared.now[-1],
        compared.before[0],
        compared.before[-1],
        list(compared.missing),
        len(growths) - len(ranked),
        ranked,
    )
