"""The job `monthly`: the openings and the capital of a place, month by month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from streaming.domain import catalogue, cells, growth
from streaming.domain.groups import FeatureGroup
from streaming.errors import CityFeaturesError
from streaming.store.store import Store

AVERAGED = 3


@dataclass(frozen=True)
class Month:
    """
    One month of a place.

    `media_movel_3m` is the mean of the openings of this month and the two before; None where the data of
    the place begins later.
    """

    mes: str
    quantidade_empresas: int
    capital_social_total: Decimal
    media_movel_3m: Decimal | None


def of(store: Store, place: str) -> list[Month]:
    """
    Return each month of a place, from its first to its last, also those without openings.

    Args:
        store: where the features are.
        place: a municipality (`São Paulo/SP`), a state (`SP`) or the country (`BR`).

    Raises:
        CityFeaturesError: there is nothing of it.
    """
    key = key_of(place)
    fields = store.hash(key)
    if not fields:
        raise CityFeaturesError(
            f"nothing by month of {place!r} (key {key!r}); city-features show lists all"
        )
    group = catalogue.group_of(key)
    assert group is not None
    return series(counts(group, fields), totals(group, fields))


def series(openings: Mapping[str, int], capital: Mapping[str, Decimal]) -> list[Month]:
    """Return each month of a place from its first to its last, of its openings and capital by month."""
    months = growth.between(min(openings), max(openings))
    numbers = [openings.get(month, 0) for month in months]
    return [
        Month(month, number, capital.get(month, Decimal("0.00")), _mean(numbers[: position + 1]))
        for position, (month, number) in enumerate(zip(months, numbers, strict=True))
    ]


def key_of(place: str) -> str:
    """Return the key of the months of a municipality, a state (two capitals) or the country (BR)."""
    if "/" in place:
        cidade, estado = place.rsplit("/", 1)
        return catalogue.MONTHLY[catalogue.MUNICIPALITY].key_of({"cidade": cidade, "estado": estado})
    if place == "BR":
        return catalogue.MONTHLY[catalogue.COUNTRY].key_of({})
    return catalogue.MONTHLY[catalogue.STATE].key_of({"estado": place})


def counts(group: FeatureGroup, fields: Mapping[str, str]) -> dict[str, int]:
    """Return the openings by month in a hash of a group by month."""
    return {mes: int(text) for mes, text in _by_month(group.count, fields)}


def totals(group: FeatureGroup, fields: Mapping[str, str]) -> dict[str, Decimal]:
    """Return the capital by month in a hash of a group by month."""
    return {mes: Decimal(text) for mes, text in _by_month(group.total or "", fields)}


def _by_month(template: str, fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    ending = template.removeprefix("{mes}")
    return ((name[:7], text) for name, text in fields.items() if name[7:] == ending)


def _mean(numbers: list[int]) -> Decimal | None:
    last = numbers[-AVERAGED:]
    if len(last) < AVERAGED:
        return None
    return (Decimal(sum(last)) / AVERAGED).quantize(cells.CENT)
