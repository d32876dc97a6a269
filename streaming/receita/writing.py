"""Rows as the service reads them: `cnpj,data_abertura,cidade,estado,capital_social`."""

from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from streaming.receita import cnpjs, places
from streaming.receita.joining import Joined

HEADER = b"cnpj,data_abertura,cidade,estado,capital_social\n"


def text(joined: Joined) -> bytes:
    """Return the rows as lines of CSV in UTF-8, without a header, in the order they have."""
    rows = joined.establishments
    if not len(rows):
        return b""
    columns = {
        "cnpj": _cnpjs(rows),
        "data_abertura": _dates(rows["date"]),
        "cidade": _taken(places.names(), rows["place"]),
        "estado": _taken(places.states(), rows["place"]),
        "capital_social": _reais(joined.cents),
    }
    sink = BytesIO()
    # No value has a comma, a quote or a line break; if one had, this would raise.
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(pa.table(columns), sink, options)
    return sink.getvalue()


def _cnpjs(rows: NDArray[np.void]) -> Any:
    kind = pa.binary(cnpjs.CNPJ)
    buffer = pa.py_buffer(cnpjs.as_bytes(rows))
    texts = pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, buffer])
    return texts.cast(pa.binary()).cast(pa.string())


def _dates(values: NDArray[np.int32]) -> Any:
    distinct, which = np.unique(values, return_inverse=True)
    return _taken([_date(day) for day in distinct.tolist()], which)


@cache
def _date(day: int) -> str:
    return f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}"


def _reais(cents: NDArray[np.int64]) -> Any:
    whole = pa.array(cents // 100).cast(pa.string())
    return pc.binary_join_element_wise(whole, _taken([f"{n:02d}" for n in range(100)], cents % 100), ".")


def _taken(texts: list[str], which: NDArray[Any]) -> Any:
    return pa.array(texts).take(pa.array(which))
