"""One file read as the worker reads it, and the lines that tests make files of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from streaming.domain import ledger
from streaming.landing import opening
from streaming.reading import companies
from streaming.reading.engine import connect
from streaming.reading.messages import Rules, TaskResources

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"
NATAL = "11222333000181,2024-01-31,Natal,RN,10.00\n"
RECIFE = "22333444000181,2024-01-31,Recife,PE,0.50\n"
SAO_PAULO = "33444555000181,2024-01-31,São Paulo,SP,1000.25\n"

Place = tuple[str, str, str, int]

connection = connect(TaskResources())


@dataclass(frozen=True)
class Read:
    """What reading a file came to."""

    read: int
    rejected: list[tuple[str, str]]
    places: list[Place]
    companies: set[int]
    wrong_digits: int = 0
    extra: tuple[str, ...] = ()


def read(path: Path, rules: Rules = RULES, counted: ledger.Companies | None = None) -> Read:
    """Read a file of which these companies were counted before."""
    status = path.lstat()
    with (
        opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(connection, descriptor, rules, gzipped=path.suffix == ".gz") as reading,
    ):
        [summary] = reading.summaries()
        rejected = [(reason, text) for _, reason, text in reading.rejected()]
        assert summary.cells.schema == companies.CELLS
        tables = [summary.cells]
        if counted or summary.repeated:
            tables += reading.retraction([counted or {}], [summary.repeated])
        assert all(table.schema == companies.CELLS for table in tables)
        cells = pa.concat_tables(tables)
        assert summary.rejected == len(rejected), "each rejected row is told once"
        return Read(
            summary.read,
            rejected,
            added_up(cells.to_pylist()),
            set(ledger.to_ids(summary.companies).tolist()),
            summary.wrong_digits,
            reading.dialect.extra,
        )


def added_up(rows: list[dict[str, object]]) -> list[Place]:
    places: dict[tuple[object, object], tuple[Decimal, int]] = {}
    for cidade, estado, _mes, _faixa, capital, count in (row.values() for row in rows):
        assert isinstance(capital, Decimal) and isinstance(count, int)
        before = places.get((cidade, estado), (Decimal(0), 0))
        places[cidade, estado] = (before[0] + capital, before[1] + count)
    return sorted((str(c), str(e), str(total), n) for (c, e), (total, n) in places.items() if total or n)


Reader = Callable[..., Read]


BOTH = [("Natal", "RN", "10.00", 1), ("São Paulo", "SP", "1000.25", 1)]
USUAL = HEADER + NATAL + SAO_PAULO
BRAZILIAN = (
    "cnpj;data_abertura;cidade;estado;capital_social\n"
    "11222333000181;2024-01-31;Natal;RN;10,00\n"
    "33.444.555/0001-81;2024-01-31;São Paulo;SP;1.000,25\n"
)
