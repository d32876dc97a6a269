"""The rows that one file becomes on an executor; `features.summarise` describes them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from streaming import companies, dialect, ledger, quarantine
from streaming.companies import PLACES
from streaming.errors import FileChanged, FileRejected
from streaming.sources import Report, Rules, Source

_ARROW = pa.schema(
    [
        ("file", pa.int32()),
        ("report", pa.string()),
        ("block", pa.string()),
        ("companies", pa.binary()),
        *PLACES,
    ]
)

Batches = Iterator[pa.RecordBatch]


def read(sources: list[Source], rules: Rules, quarantine_dir: str, threads: int) -> Batches:
    """Yield the rows of these files, one after another, with so many threads for each."""
    connection = companies.connect(threads)
    for source in sources:
        yield from summary_of(connection, source, rules, Path(quarantine_dir))


def rows(sources: list[Source], rules: Sequence[Rules], threads: int) -> Batches:
    """Yield the rows that fit, of one file after another, as `features.rows` describes them."""
    connection = companies.connect(threads)
    for source in sources:
        try:
            with (
                dialect.opened(Path(source.location), source.size, source.mtime) as descriptor,
                companies.reading(
                    connection, descriptor, rules[source.number], gzipped=source.path.endswith(".gz")
                ) as reading,
            ):
                for batch in reading.rows():
                    file = pa.array([source.number] * len(batch), pa.int32())
                    names = ["file", *batch.schema.names]
                    yield pa.RecordBatch.from_arrays([file, *batch.columns], names=names)
        except dialect.Changed:
            raise FileChanged([source.path]) from None
        except (FileRejected, OSError) as error:
            raise FileRejected(f"{source.path}: {error}") from None


def summary_of(
    connection: companies.Connection, source: Source, rules: Rules, quarantine_dir: Path
) -> Batches:
    """Yield the rows of one file, as `summarise` describes them."""
    blocks: dict[str, bytes] = {}
    try:
        with (
            dialect.opened(Path(source.location), source.size, source.mtime) as descriptor,
            companies.reading(
                connection, descriptor, rules, gzipped=source.path.endswith(".gz")
            ) as reading,
        ):
            if source.leave_out is None:
                summary = reading.summary()
                rejected = reading.rejected() if summary.rejected else ()
                written = quarantine.write(quarantine_dir, source.path, rejected)
                assert written == summary.rejected, (source.path, written, summary.rejected)
                places, blocks = summary.places, ledger.pack(summary.companies)
                counts = (summary.read, summary.rejected, summary.wrong_digits)
                report = Report("read", *counts, extra=list(reading.dialect.extra))
            else:
                places = reading.summary_without(ledger.unpack(source.leave_out))
                report = Report("read")
        yield _table(source.number, **{n: places[n].combine_chunks() for n in places.column_names})
        yield _table(source.number, block=list(blocks), companies=list(blocks.values()))
    except FileRejected as error:
        report = Report("rejected", reason=str(error))
        quarantine.write(quarantine_dir, source.path, ())
    except dialect.Changed:
        report = Report("changed")
    except OSError as error:
        report = Report("unreadable", reason=error.strerror or str(error))
    yield _table(source.number, report=[json.dumps(asdict(report))])


def _table(number: int, **columns: Any) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    columns["file"] = [number] * rows
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(rows, f.type)
        for f in _ARROW
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_ARROW)
