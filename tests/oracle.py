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


def features(files: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """
    Return key → (total, companies, mean) of well-formed files in ingest order.

    The first row of a company, over all files, is the one that counts.
    """
    counted: set[str] = set()
    totals: dict[str, Decimal] = defaultdict(Decimal)
    companies: dict[str, int] = defaultdict(int)
    for content in files:
        for row in csv.DictReader(io.StringIO(content)):
            company = "".join(c for c in row["cnpj"] if c.isalnum())[:12]
            if company in counted:
                continue
            counted.add(company)
            for key in (row["cidade"], f"{row['cidade']}/{row['estado']}"):
                totals[key] += Decimal(row["capital_social"])
                companies[key] += 1
    return {
        key: (
            f"{totals[key]:.2f}",
            str(companies[key]),
            str((totals[key] / companies[key]).quantize(Decimal("0.01"), ROUND_HALF_UP)),
        )
        for key in totals
    }
