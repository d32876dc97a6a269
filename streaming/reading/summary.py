"""
The summary of one file: its row counts, its companies and its places.

The macro `summary` of `companies.sql` counts per spelling of a place; this module adds up the file.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.domain import ledger
from streaming.reading import mangled

PLACES = pa.schema(
    [
        ("cidade", pa.string()),
        ("estado", pa.string()),
        ("capital_social_total", pa.decimal128(28, 2)),
        ("quantidade_empresas", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Summary:
    """
    The summary of one file.

    Attributes:
        read: rows, whether they fit or not.
        rejected: rows that do not fit.
        wrong_digits: rows whose CNPJ has wrong check digits.
        companies: the companies of the rows that fit.
        repeated: those of them with more than one such row.
        places: one row per spelling of a place: cidade (text), estado (text), capital_social_total
            (decimal, reais), quantidade_empresas (int64). It counts every row, repeats included;
            `Reading.retraction` returns what to subtract.
        mangled: rows with a city that looks wrongly decoded, like `mangled_example`.
    """

    read: int
    rejected: int
    wrong_digits: int
    companies: ledger.Companies
    repeated: ledger.Companies
    places: pa.Table
    mangled: int = 0
    mangled_example: str | None = None


def summed(table: pa.Table, unreadable: int) -> Summary:
    """Return the summary of a file from its rows of the macro and its number of unreadable rows."""
    fitting = table.filter(table["fits"])
    ids = fitting["companies"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    ids = np.sort(ids.astype(np.uint64, copy=False))
    counts = pc.list_value_length(fitting["companies"]).cast(pa.int64())
    places = fitting.select(PLACES.names[:3]).append_column(PLACES.names[3], counts).cast(PLACES)
    return Summary(
        read=(read := total(table["rows"]) + unreadable),
        rejected=read - len(ids),
        wrong_digits=total(table["wrong_digits"]),
        companies=ledger.from_ids(ids),
        repeated=ledger.from_ids(ids[1:][ids[1:] == ids[:-1]]),
        places=places,
        **mangled.count(table),
    )


def total(column: pa.ChunkedArray) -> int:
    """Return the sum of a column of integers."""
    return int(pc.sum(column).as_py() or 0)
