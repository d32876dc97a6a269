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


class Count:
    """What files add up to, one after another: the first row of a company is the one that counts."""

    def __init__(self) -> None:
        self.companies: set[str] = set()
        self._totals: dict[str, Decimal] = defaultdict(Decimal)
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, content: str) -> None:
        """Count a well-formed file."""
        for row in csv.DictReader(io.StringIO(content)):
            company = "".join(c for c in row["cnpj"] if c.isalnum())[:12]
            if company in self.companies:
                continue
            self.companies.add(company)
            for key in (row["cidade"], f"{row['cidade']}/{row['estado']}"):
                self._totals[key] += Decimal(row["capital_social"])
                self._counts[key] += 1

    def features(self) -> dict[str, tuple[str, str, str]]:
        """Return key → (total, companies, mean)."""
        return {
            key: (
                f"{total:.2f}",
                str(self._counts[key]),
                str((total / self._counts[key]).quantize(Decimal("0.01"), ROUND_HALF_UP)),
            )
            for key, total in self._totals.items()
        }


def features(files: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """
    Return key → (total, companies, mean) of well-formed files in ingest order.

    The first row of a company, over all files, is the one that counts.
    """
    count = Count()
    for content in files:
        count.add(content)
    return count.features()
