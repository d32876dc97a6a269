"""The features of a place, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from streaming.domain import catalogue
from streaming.domain.groups import FeatureGroup

FIELDS = ("capital_social_total", "quantidade_empresas", "capital_social_medio", "atualizado_em")


def groups() -> list[FeatureGroup]:
    """Return the groups whose keys have all of these fields."""
    return [group for group in catalogue.GROUPS if set(FIELDS) <= set(group.fields)]


@dataclass(frozen=True)
class Features:
    """
    The features in one key: those of a city (`estado` None), a municipality or another place.

    `capital_social_total` and `capital_social_medio` are reais, `atualizado_em` is the instant of the
    last commit that changed the key (ISO 8601, UTC).
    """

    key: str
    cidade: str | None
    estado: str | None
    capital_social_total: Decimal
    quantidade_empresas: int
    capital_social_medio: Decimal
    atualizado_em: str

    @classmethod
    def of(cls, group: FeatureGroup, key: str, values: Mapping[str, str]) -> "Features":
        """Return the features in a hash; raises ValueError or ArithmeticError where they are none."""
        place = group.parse(key) or {}
        return cls(
            key=key,
            cidade=place.get("cidade"),
            estado=place.get("estado"),
            capital_social_total=Decimal(values["capital_social_total"]),
            quantidade_empresas=int(values["quantidade_empresas"]),
            capital_social_medio=Decimal(values["capital_social_medio"]),
            atualizado_em=values["atualizado_em"],
        )
