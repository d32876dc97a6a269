"""
The summary of one file: its row counts, its companies and its places.

The macro `summary` of `companies.sql` counts per spelling of a place; this module adds up the file.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.domain import check_digits, ledger
from streaming.reading import mangled

CELLS = pa.schema(
    [
        ("cidade", pa.string()),
        ("estado", pa.string()),
        ("mes", pa.string()),
        ("faixa", pa.int8()),
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
        wrong_digits: rows that fit, and whose CNPJ has wrong check digits.
        unrecognised: rows that fit, and whose city is no municipality of their state.
        companies: the companies of the rows that fit.
        repeated: those of them with more than one such row.
        cells: one row per spelling of a place, month and capital band: cidade, estado, mes (text), faixa
            (number of the band), capital_social_total (decimal, reais), quantidade_empresas (int64). It
            counts every row, repeats included;
            `Reading.retraction` returns what to subtract.
        mangled: rows with a city that looks wrongly decoded, like `mangled_example`.
    """

    read: int
    rejected: int
    wrong_digits: int
    unrecognised: int
    companies: ledger.Companies
    repeated: ledger.Companies
    cells: pa.Table
    mangled: int = 0
    mangled_example: str | None = None


def summed(table: pa.Table, unreadable: int) -> Summary:
    """Return the summary of a file from its rows of the macro and its number of unreadable rows."""
    fitting = table.filter(table["fits"])
    counts = pc.list_value_length(fitting["companies"]).cast(pa.int64())
    listed = fitting["companies"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    listed = np.sort(listed.astype(np.uint64, copy=False))
    # Numbers come first: ids of alphanumeric companies have the highest bit.
    numbers, alphanumeric = np.split(listed, [np.searchsorted(listed, ledger.ALPHANUMERIC)])
    ids = np.concatenate([ledger.of_numbers(numbers), alphanumeric])
    return Summary(
        read=(read := total(table["rows"]) + unreadable),
        rejected=read - len(ids),
        wrong_digits=check_digits.wrong(numbers) + total(fitting["wrong_digits"]),
        unrecognised=total(counts.filter(pc.invert(fitting["recognised"]))),
        companies=ledger.from_ids(ids),
        repeated=ledger.from_ids(ids[1:][ids[1:] == ids[:-1]]),
        cells=fitting.select(CELLS.names[:5]).append_column(CELLS.names[5], counts).cast(CELLS),
        **mangled.count(table),
    )


def total(column: pa.ChunkedArray) -> int:
    """Return the sum of a column of integers."""
    return int(pc.sum(column).as_py() or 0)
