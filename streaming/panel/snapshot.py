"""All features as they were at one version: what every number on a page comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from streaming.domain.catalogue import BANDED, COMPANIES, COUNTRY, MONTHLY, MUNICIPALITY, STATE
from streaming.domain.cells import UFS
from streaming.domain.features import Features
from streaming.domain.groups import FeatureGroup
from streaming.jobs import monthly
from streaming.jobs.places import BRAZIL
from streaming.store.store import Store


@dataclass(frozen=True)
class Months:
    """The openings and the capital (reais) of one place, by month (AAAA-MM)."""

    openings: Mapping[str, int]
    capital: Mapping[str, Decimal]


@dataclass(frozen=True)
class Snapshot:
    """
    The features at one version.

    Attributes:
        version: how many batches were committed.
        commit: the id of the last one.
        municipalities: the features of each municipality, in no order.
        states: those of each state.
        country: those of the country; None: nothing was counted yet.
        months: what a place has by month: a municipality (`São Paulo/SP`), a state (`SP`), the country
            (`BR`).
        bands: the companies of a municipality by capital band.
    """

    version: int
    commit: str
    municipalities: list[Features]
    states: list[Features]
    country: Features | None
    months: Mapping[str, Months]
    bands: Mapping[str, Mapping[str, int]]

    @cached_property
    def places(self) -> dict[str, Features]:
        """The features of each municipality and each state, by place."""
        return {place_of(f): f for f in (*self.municipalities, *self.states)}

    @cached_property
    def known_months(self) -> list[str]:
        """The months with openings in the country, the first first."""
        months = self.months.get(BRAZIL)
        return sorted(month for month, number in months.openings.items() if number) if months else []


def place_of(features: Features) -> str:
    """Return the place that features are of, as it is written on pages and in addresses."""
    return features.key if features.cidade is not None else features.estado or BRAZIL


def read(store: Store) -> Snapshot:
    """
    Return what is in Redis, all of one version.

    Raises:
        RedisUnavailable, RedisRefused: Redis does not answer, or refuses.
    """
    while True:
        members = store.scores(COMPANIES)
        moment = store.moment(_keys(members), COMPANIES)
        if moment.scores.keys() <= members.keys():  # else a commit brought new municipalities meanwhile
            break
    return Snapshot(
        moment.version,
        moment.commit,
        _features(MUNICIPALITY, members, moment.hashes),
        _features(STATE, (STATE.key_of({"estado": uf}) for uf in UFS), moment.hashes),
        next(iter(_features(COUNTRY, [COUNTRY.key_of({})], moment.hashes)), None),
        {
            key.split(":")[-1].removeprefix("pais:"): Months(
                monthly.counts(group, values), monthly.totals(group, values)
            )
            for group in MONTHLY.values()
            for key, values in moment.hashes.items()
            if values and group.parse(key) is not None
        },
        {
            key.partition(":")[2]: {band: int(number) for band, number in values.items()}
            for key, values in moment.hashes.items()
            if values and BANDED.parse(key) is not None
        },
    )


def _keys(members: Iterable[str]) -> list[str]:
    """Return the keys of the country, of every state, and of these municipalities."""
    states = [{"estado": uf} for uf in UFS]
    keys = [COUNTRY.key_of({}), MONTHLY[COUNTRY].key_of({})]
    keys += [group.key_of(state) for state in states for group in (STATE, MONTHLY[STATE])]
    for member in members:
        place = MUNICIPALITY.parse(member)
        if place is not None:
            groups = (MUNICIPALITY, MONTHLY[MUNICIPALITY], BANDED)
            keys += [group.key_of(place) for group in groups]
    return keys


def _features(
    group: FeatureGroup, keys: Iterable[str], hashes: Mapping[str, Mapping[str, str]]
) -> list[Features]:
    return [Features.of(group, key, values) for key in keys if (values := hashes.get(key))]
