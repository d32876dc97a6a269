"""What Spark's tasks run: pieces become records by group, groups become fragments of the result."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from streaming.errors import EnvironmentRefused
from streaming.receita import cnpjs, companies, establishments, joining, writing
from streaming.receita.establishments import Rules
from streaming.receita.layout import ESTABELE
from streaming.receita.lines import blocks
from streaming.receita.pieces import Piece
from streaming.receita.records import Counts
from streaming.receita.rows import Rows, concatenated

RECORDS = pa.schema(
    [
        ("grupo", pa.int32()),
        ("arquivo", pa.string()),
        ("inicio", pa.int64()),
        ("bytes", pa.int64()),
        ("contagem", pa.string()),
    ]
)
FRAGMENTS = pa.schema(
    [
        ("grupo", pa.int32()),
        ("arquivo", pa.string()),
        ("linhas", pa.int64()),
        ("contagem", pa.string()),
        ("nao_informados", pa.list_(pa.string())),
    ]
)


def records(pieces: Sequence[Piece], rules: Rules, groups: int, directory: Path) -> Iterator[Any]:
    """
    Write the records of these pieces into files in a directory, by group of roots.

    Yields:
        Record batches of RECORDS, one for each piece: where the records of each group are (rows of the
        kind's ROW, as bytes), and in the first row what was read, joined and rejected, as JSON.

    Raises:
        EnvironmentRefused: the piece cannot be read, or the directory cannot be written.
    """
    for piece in pieces:
        counts: Counts = Counter()
        parts = [np.empty(0, _kind(piece))]
        with _refused(f"{piece.name} cannot be read"):
            for block in blocks(piece):
                if piece.layout == ESTABELE:
                    rows, others = establishments.read(block, rules)
                else:
                    rows, others = companies.read(block)
                parts.append(rows)
                counts += others
        path = directory / f"{piece.order:020d}"
        with _refused(f"{path} cannot be written"):
            yield _grouped(concatenated(parts), counts, groups, path)


def _kind(piece: Piece) -> np.dtype[Any]:
    return establishments.ROW if piece.layout == ESTABELE else companies.ROW


def _grouped(rows: Rows, counts: Counts, groups: int, path: Path) -> Any:
    """Write rows by group into a file, and return where they are, one row a group."""
    group = cnpjs.groups(rows["root"], groups)
    np.take(rows, np.argsort(group, kind="stable")).tofile(path)
    sizes = np.bincount(group, minlength=groups) * rows.itemsize
    columns = {
        "grupo": np.arange(groups, dtype=np.int32),
        "arquivo": [str(path)] * groups,
        "inicio": np.cumsum(sizes) - sizes,
        "bytes": sizes,
        "contagem": [json.dumps(counts), *[None] * (groups - 1)],
    }
    return pa.RecordBatch.from_pydict(columns, schema=RECORDS)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentRefused(
            f"{what}: {error.strerror or error}; if the disk is full, make room or set TMPDIR to another"
        ) from None


def fragment(established: Any, registered: Any, directory: Path) -> Any:
    """
    Join the establishments and companies of one group, and write the lines into a file of its number.

    Args:
        established: a table of RECORDS with establishments.
        registered: a table of RECORDS with companies.
        directory: where the file is written, if there are lines.

    Returns:
        A table of FRAGMENTS with one row: how many lines, all counts as JSON, and the CNPJs of companies
        whose capital was not informed.
    """
    group = (established if established.num_rows else registered).column("grupo")[0].as_py()
    path = directory / f"{group:06d}"
    with _refused(f"{path} cannot be written"):
        joined = joining.join(_rows(established, establishments.ROW), _rows(registered, companies.ROW))
        if len(joined.establishments):
            path.write_bytes(writing.text(joined))
    counts = joined.counts
    for text in (
        *established.column("contagem").to_pylist(),
        *registered.column("contagem").to_pylist(),
    ):
        if text is not None:
            counts.update(json.loads(text))
    row = {
        "grupo": group,
        "arquivo": str(path),
        "linhas": len(joined.establishments),
        "contagem": json.dumps(counts),
        "nao_informados": joined.not_informed,
    }
    return pa.Table.from_pylist([row], schema=FRAGMENTS)


def _rows(table: Any, kind: np.dtype[Any]) -> Rows:
    content = bytearray()
    for row in table.select(["arquivo", "inicio", "bytes"]).to_pylist():
        if row["bytes"]:
            with Path(row["arquivo"]).open("rb") as reader:
                reader.seek(row["inicio"])
                content += reader.read(row["bytes"])
    return np.frombuffer(content, kind)
