"""What companies are summed by, and what they add up to."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

CENT = Decimal("0.01")

UFS = (
    *("AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA"),
    *("PB", "PE", "PI", "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO"),
)
"""The 26 states and the Federal District (IBGE)."""

BOUNDS = (0, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000)
"""The upper bounds of the capital bands, in reais, each inside its band; above the last is one more."""

BANDS = (
    "capital_0",
    *(f"capital_ate_{bound}" for bound in BOUNDS[1:]),
    f"capital_acima_de_{BOUNDS[-1]}",
)
"""The names of the capital bands, in ascending order."""

DIMENSIONS = {
    "cidade": r"[^:/{}]+",
    "estado": "[A-Z]{2}",
    "mes": "[0-9]{4}-[0-9]{2}",
    "faixa": "|".join(BANDS),
}
"""What rows are summed by, and what a value of it looks like in a key or a field."""


class Cell(NamedTuple):
    """
    What companies are summed by: one value of each dimension.

    `mes` is the month of `data_abertura`, as written there (AAAA-MM); `faixa` is one of BANDS.
    """

    cidade: str
    estado: str
    mes: str
    faixa: str


class Sums(NamedTuple):
    """What companies add up to: their capital in reais, exact to the cent, and their number."""

    capital: Decimal = Decimal(0)
    companies: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums(self.capital + other.capital, self.companies + other.companies)

    def mean(self) -> Decimal:
        """Return the mean capital of the companies, of which there are some, half up to the cent."""
        return (self.capital / self.companies).quantize(CENT, ROUND_HALF_UP)


Increments = Mapping[Cell, Sums]
Rolled = Mapping[tuple[str, ...], Sums]
"""Sums by the values of some columns."""
