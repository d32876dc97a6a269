"""Commits for tests of the store."""

from decimal import Decimal

import numpy as np

from streaming.domain import ledger
from streaming.domain.cells import Cell, Sums
from streaming.domain.records import Commit, Record
from streaming.store.store import Store

AT = "2026-11-24T12:00:00.000001+00:00"


def record(version: int = 1) -> Record:
    """Return the record of some file."""
    return Record(10, 20, 3, 3, 0, 0, "ingested", version, AT)


def commit(
    *increments: tuple[str, str, str, int],
    expected: int = 0,
    companies: tuple[int, ...] = (1, 2, 3),
    file: str = "a.csv",
) -> Commit:
    """Return a commit of (cidade, estado, capital, companies) and some companies."""
    return Commit(
        expected,
        AT,
        {
            Cell(cidade, estado, "2026-10", "capital_0"): Sums(Decimal(capital), n)
            for cidade, estado, capital, n in increments
        },
        ledger.from_ids(np.array(companies, dtype=np.uint64)),
        {file: record(expected + 1)},
    )


def values(store: Store, key: str) -> tuple[str, str, str]:
    """Return total, companies and mean of a key, as any client sees them."""
    stored = store.client.hgetall(key)
    fields = (b"capital_social_total", b"quantidade_empresas", b"capital_social_medio")
    return tuple(stored[field].decode() for field in fields)  # type: ignore[return-value]


def add(store: Store, *rows: tuple[str, str, str, str, int, str]) -> None:
    """Merge (cidade, estado, mes, faixa, companies, capital), as one more commit."""
    added = {Cell(*row[:4]): Sums(Decimal(row[5]), row[4]) for row in rows}
    store.merge(Commit(store.version(), AT, added, {}, {}))
