"""What the features have to be, in plain Python: csv and Decimal, no code of the service."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

HEADER = "cnpj,data_abertura,cidade,estado,capital_social"

Row = tuple[str, str, str, str, str]


def text(rows: Iterable[Row]) -> str:
    """Return rows as a CSV file of the usual form."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    writer.writerows(rows)
    return written.getvalue()


BANDS = (
    ("0", "capital_0"),
    ("1000", "capital_ate_1000"),
    ("5000", "capital_ate_5000"),
    ("10000", "capital_ate_10000"),
    ("50000", "capital_ate_50000"),
    ("100000", "capital_ate_100000"),
    ("500000", "capital_ate_500000"),
    ("1000000", "capital_ate_1000000"),
    ("10000000", "capital_ate_10000000"),
    ("Infinity", "capital_acima_de_10000000"),
)
CENT = Decimal("0.01")

Hashes = dict[str, dict[str, str]]


class Count:
    """What files add up to, one after another: the first row of a company is the one that counts."""

    def __init__(self) -> None:
        self.companies: set[str] = set()
        self._sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self._months: dict[str, dict[str, list[Decimal]]] = defaultdict(
            lambda: defaultdict(lambda: [Decimal(0), Decimal(0)])
        )
        self._bands: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, content: str) -> None:
        """Count a well-formed file, whose cities have their official names."""
        for row in csv.DictReader(io.StringIO(content)):
            company = "".join(c for c in row["cnpj"] if c.isalnum())[:12]
            if company in self.companies:
                continue
            self.companies.add(company)
            place, capital = f"{row['cidade']}/{row['estado']}", Decimal(row["capital_social"])
            for key in (row["cidade"], place, f"estado:{row['estado']}", "pais:BR"):
                add(self._sums[key], capital)
            for key in (place, f"estado:{row['estado']}", "pais:BR"):
                add(self._months[f"mensal:{key}"][row["data_abertura"][:7]], capital)
            band = next(name for bound, name in BANDS if capital <= Decimal(bound))
            self._bands[f"faixas:{place}"][band] += 1

    def features(self) -> dict[str, tuple[str, str, str]]:
        """Return key → (total, companies, mean) of cities and municipalities."""
        return {
            key: (
                f"{total:.2f}",
                str(companies),
                str((total / companies).quantize(CENT, ROUND_HALF_UP)),
            )
            for key, (total, companies) in self._sums.items()
            if ":" not in key
        }

    def levels(self) -> Hashes:
        """Return the fields of every other hash: states, country, months and bands."""
        sums = {
            key: {
                "capital_social_total": f"{total:.2f}",
                "quantidade_empresas": str(companies),
                "capital_social_medio": str((total / companies).quantize(CENT, ROUND_HALF_UP)),
            }
            for key, (total, companies) in self._sums.items()
            if ":" in key
        }
        months = {
            key: {
                f"{month}:{name}": text
                for month, (total, companies) in of.items()
                for name, text in (
                    ("capital_social_total", f"{total:.2f}"),
                    ("quantidade_empresas", str(companies)),
                )
            }
            for key, of in self._months.items()
        }
        bands = {key: {band: str(n) for band, n in of.items()} for key, of in self._bands.items()}
        return {**sums, **months, **bands}

    def rankings(self) -> dict[str, dict[str, float]]:
        """Return the municipalities with their scores in each ranking."""
        places = {key: sums for key, sums in self._sums.items() if "/" in key}
        return {
            "ranking:capital_social_total": {key: float(sums[0]) for key, sums in places.items()},
            "ranking:quantidade_empresas": {key: float(sums[1]) for key, sums in places.items()},
        }


def keys(cidade: str, estado: str) -> set[str]:
    """Return every key that a company of this place is in."""
    place = f"{cidade}/{estado}"
    months = {f"mensal:{of}" for of in (place, f"estado:{estado}", "pais:BR")}
    rankings = {"ranking:capital_social_total", "ranking:quantidade_empresas"}
    return {cidade, place, f"estado:{estado}", "pais:BR", f"faixas:{place}"} | months | rankings


def add(sums: list[Decimal], capital: Decimal) -> None:
    """Add one company to a total and a number."""
    sums[0] += capital
    sums[1] += 1


def count(files: Iterable[str]) -> Count:
    """
    Return what well-formed files in ingest order add up to.

    The first row of a company, over all files, is the one that counts.
    """
    counted = Count()
    for content in files:
        counted.add(content)
    return counted


def features(files: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return key → (total, companies, mean) of cities and municipalities of files, as `count` does."""
    return count(files).features()
