"""The features of a place, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

FIELDS = ("capital_social_total", "quantidade_empresas", "capital_social_medio", "atualizado_em")
"""The fields of a feature hash."""


@dataclass(frozen=True)
class Features:
    """The features of one city (`estado` None) or of one municipality; sums in reais."""

    key: str
    cidade: str
    estado: str | None
    capital_social_total: Decimal
    quantidade_empresas: int
    capital_social_medio: Decimal
    atualizado_em: str

    @classmethod
    def of(cls, key: str, values: Mapping[str, str]) -> "Features":
        """Return the features in a hash; raises ValueError or ArithmeticError where they are none."""
        cidade, _, estado = key.partition("/")
        return cls(
            key=key,
            cidade=cidade,
            estado=estado or None,
            capital_social_total=Decimal(values["capital_social_total"]),
            quantidade_empresas=int(values["quantidade_empresas"]),
            capital_social_medio=Decimal(values["capital_social_medio"]),
            atualizado_em=values["atualizado_em"],
        )
