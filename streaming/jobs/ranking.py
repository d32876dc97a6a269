"""The job `ranking`: the municipalities by openings or capital, with their share of the state."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from streaming.domain import municipalities
from streaming.domain.features import Features
from streaming.store.store import Store

By = Literal["quantidade_empresas", "capital_social_total", "capital_social_medio"]
PER_PEOPLE = 10_000


@dataclass(frozen=True)
class Ranked:
    """
    One municipality in a ranking.

    Attributes:
        posicao: its place in the ranking, from 1.
        municipio: its key, `São Paulo/SP`.
        quantidade_empresas: its companies.
        capital_social_total: their capital, in reais.
        capital_social_medio: the mean of it.
        aberturas_por_10mil_hab: companies per 10,000 inhabitants, by the estimate of 2024, else the
            census of 2022; None: it is no municipality of IBGE, or its people were not counted yet.
        participacao_uf: its share of the companies of its state, from 0 to 1.
        posicao_uf: its place among the municipalities of its state, from 1.
    """

    posicao: int
    municipio: str
    quantidade_empresas: int
    capital_social_total: Decimal
    capital_social_medio: Decimal
    aberturas_por_10mil_hab: Decimal | None
    participacao_uf: Decimal
    posicao_uf: int


def ranking(
    store: Store,
    *,
    by: By = "quantidade_empresas",
    estado: str | None = None,
    per_people: bool = False,
) -> list[Ranked]:
    """
    Return the municipalities in descending order; equal ones in the order of their names.

    Args:
        store: where the features are.
        by: the feature, as a field of theirs.
        estado: only of this state.
        per_people: by companies per inhabitant instead; without those whose people are not known.
    """
    features = [f for f in store.features() if f.cidade is not None and f.estado is not None]
    return ranked(features, by=by, estado=estado, per_people=per_people)


def ranked(
    features: Sequence[Features],
    *,
    by: By = "quantidade_empresas",
    estado: str | None = None,
    per_people: bool = False,
) -> list[Ranked]:
    """
    Return the order of all municipalities, or of all states, as `ranking` does.

    The share and the place of a municipality are those in its state, of a state those in the country.
    """
    companies: dict[str | None, int] = defaultdict(int)
    for feature in features:
        companies[_within(feature)] += feature.quantidade_empresas
    rates = {f.key: rate for f in features if (rate := _rate(f)) is not None}
    values = rates if per_people else {f.key: getattr(f, by) for f in features}
    ordered = sorted((f for f in features if f.key in values), key=lambda f: (-values[f.key], f.key))
    in_state = _positions(ordered)
    shown = ordered if estado is None else [f for f in ordered if f.estado == estado]
    return [
        Ranked(
            position,
            f.key,
            f.quantidade_empresas,
            f.capital_social_total,
            f.capital_social_medio,
            rates.get(f.key),
            _share(f.quantidade_empresas, companies[_within(f)]),
            in_state[f.key],
        )
        for position, f in enumerate(shown, 1)
    ]


def _within(feature: Features) -> str | None:
    """Return the state of a municipality; None for a state, which is in the country."""
    return feature.estado if feature.cidade is not None else None


def _positions(ordered: Sequence[Features]) -> dict[str, int]:
    """Return by key the position of each among those of its state, or of the country."""
    seen: dict[str | None, int] = defaultdict(int)
    positions = {}
    for feature in ordered:
        seen[_within(feature)] += 1
        positions[feature.key] = seen[_within(feature)]
    return positions


def _rate(feature: Features) -> Decimal | None:
    if feature.cidade is None:
        people = municipalities.people(feature.estado or "")
    else:
        municipality = municipalities.official().get((feature.cidade, feature.estado or ""))
        people = (municipality and municipality.population) or 0
    if not people:
        return None
    return _rounded(Decimal(feature.quantidade_empresas * PER_PEOPLE) / people, "0.01")


def _share(part: int, whole: int) -> Decimal:
    return _rounded(Decimal(part) / whole, "0.0001")


def _rounded(value: Decimal, to: str) -> Decimal:
    return value.quantize(Decimal(to), ROUND_HALF_UP)
