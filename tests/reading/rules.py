"""The rules of companies.sql over rows that a test makes: what fits, what it adds up to, and why not."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from streaming.reading import engine, mangled
from streaming.reading.messages import TaskResources

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
GOOD = {
    "cnpj": "11222333000181",
    "data_abertura": "2024-01-31",
    "cidade": "São Paulo",
    "estado": "SP",
    "capital_social": "1000.00",
}

Row = dict[str, str]

connection = engine.connect(TaskResources())


def fill(rows: Iterable[Row]) -> None:
    """Make raw hold these rows, their numbers as their text."""
    table = pa.Table.from_pylist([row | {"text": str(n), "file": 0} for n, row in enumerate(rows)])
    connection.register("filled", table)
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS FROM filled")


def reasons(
    rows: Iterable[Row],
    *,
    brazilian: bool = False,
    strict: bool = False,
    now: datetime = NOW,
    municipios: str = "official",
) -> list[str | None]:
    """Return why each row does not fit, None where it does."""
    rows = list(rows)
    fill(rows)
    rejected = connection.execute(
        "FROM rows_rejected(?, ?, ?, ?)", [brazilian, now, strict, municipios]
    ).fetchall()
    by_line = {int(text): reason for _, reason, text in rejected}
    assert len(by_line) == len(rejected)
    assert None not in by_line.values(), "a rejected row has a reason"
    return [by_line.get(line) for line in range(len(rows))]


def reason(brazilian: bool = False, strict: bool = False, **values: str) -> str | None:
    return reasons([GOOD | values], brazilian=brazilian, strict=strict)[0]


def summary(
    rows: Iterable[Row], *, brazilian: bool = False, strict: bool = False, municipios: str = "official"
) -> list[Row]:
    return summary_table(rows, brazilian=brazilian, strict=strict, municipios=municipios).to_pylist()


def summary_table(
    rows: Iterable[Row], *, brazilian: bool = False, strict: bool = False, municipios: str = "official"
) -> pa.Table:
    fill(rows)
    relation = connection.sql("FROM summary(?, ?, ?, ?)", params=[brazilian, NOW, strict, municipios])
    return mangled.marked(relation.to_arrow_table())


UNREADABLE = "data_abertura: not an ISO 8601 date or instant"


KEY = "cidade: one of : / { }"
NEGATIVE = "capital_social: negative"
