"""What was opened, for tests of the panel: as commits, and added up in plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from streaming.domain import municipalities
from streaming.domain.cells import Cell, Sums
from streaming.domain.records import Commit, Record
from streaming.store.store import Store

MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)] + ["2026-01"]
CENTS = {
    "capital_0": 0,
    "capital_ate_1000": 50_025,
    "capital_ate_50000": 4_000_010,
    "capital_acima_de_10000000": 2_000_000_099,
}
"""What each company of a band has."""
BATCHES = 5
AT = "2026-02-01T12:00:{:02d}.000001+00:00"
"""By the clocks of Brasília 09:00."""

Place = tuple[str, str]


@dataclass(frozen=True)
class Opening:
    """So many companies of one place, month and band."""

    place: Place
    month: str
    band: str
    companies: int

    @property
    def cents(self) -> int:
        """Their capital."""
        return self.companies * CENTS[self.band]


class Openings:
    """What was opened, and what it adds up to."""

    def __init__(self, openings: Iterable[Opening]) -> None:
        self.all = list(openings)
        self.companies: dict[Place, int] = defaultdict(int)
        self.cents: dict[Place, int] = defaultdict(int)
        self.by_month: dict[Place, dict[str, list[int]]] = defaultdict(
            lambda: {month: [0, 0] for month in MONTHS}
        )
        self.by_band: dict[Place, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for o in self.all:
            self.companies[o.place] += o.companies
            self.cents[o.place] += o.cents
            self.by_month[o.place][o.month][0] += o.companies
            self.by_month[o.place][o.month][1] += o.cents
            self.by_band[o.place][o.band] += o.companies

    def within(self, first: str, last: str) -> "Openings":
        """Return those of the months from the first to the last."""
        return Openings(o for o in self.all if first <= o.month <= last)

    def commit(self, store: Store) -> dict[str, Record]:
        """Commit them in BATCHES batches, each of one file; return the records of the files."""
        records = {}
        for number in range(BATCHES):
            own = self.all[number::BATCHES]
            companies = sum(o.companies for o in own)
            record = Record(
                10**6, 20, companies + 7, companies, 4, 3, "ingested", number + 1, AT.format(number)
            )
            records[f"empresas-{number}.csv"] = record
            sums = {
                Cell(*o.place, o.month, o.band): Sums(Decimal(o.cents) / 100, o.companies) for o in own
            }
            file = {f"empresas-{number}.csv": record}
            store.merge(Commit(store.version(), record.at, sums, {}, file))
        return records


def everywhere() -> Openings:
    """Return openings in all municipalities of Brazil and all months but where one has none."""
    return Openings(_opened(Random(14)))


def _opened(random: Random) -> Iterator[Opening]:
    for m in municipalities.every():
        usual = 1 + min(60, (m.population or 5_000) // 15_000)
        pole = 1 + random.random()
        for number, month in enumerate(MONTHS):
            for band in random.sample(list(CENTS), 1 + (number + len(m.nome)) % 2):
                growing = pole if number >= 12 else 1
                # São Paulo has openings in each month.
                if companies := round(random.randint(m.capital, usual) * growing):
                    yield Opening((m.nome, m.uf), month, band, companies)


def number(value: int) -> str:
    """Return 1234567 as 1.234.567."""
    return f"{value:,}".replace(",", ".")


def reais(cents: int) -> str:
    """Return an amount as R$ 1.234,50."""
    return f"R$ {number(cents // 100)},{cents % 100:02d}"


def mean(cents: int, companies: int) -> int:
    """Return the mean in cents, half up."""
    return (2 * cents + companies) // (2 * companies)


def per_people(companies: int, place: Place) -> Decimal | None:
    """Return the companies per 10,000 people of a municipality, half up; None: nobody was counted."""
    people = municipalities.official()[place].population
    return rounded(Decimal(companies * 10_000) / people, "0.01") if people else None


def decimal(value: Decimal | None) -> str:
    """Return 1234.5 as 1.234,50."""
    return "–" if value is None else f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def percent(value: float | Decimal, decimals: int = 1) -> str:
    """Return a share of 0.1234 as 12,3 %."""
    shown = rounded(Decimal(value) * 100, str(Decimal(1).scaleb(-decimals)))
    return f"{shown:,.{decimals}f} %".translate(str.maketrans(",.", ".,"))


def rounded(value: Decimal, to: str) -> Decimal:
    """Return a number half up."""
    return value.quantize(Decimal(to), ROUND_HALF_UP)


def wilson(a: int, b: int) -> tuple[float, float]:
    """Return the growth from b to a that is certain at 95 %, least and most (Wilson, 1927)."""
    z, n = 1.959964, a + b
    middle, half = a + z * z / 2, z * (a * b / n + z * z / 4) ** 0.5
    low, high = ((middle + side * half) / (n + z * z) for side in (-1, 1))
    return low / (1 - low) - 1, high / (1 - high) - 1
