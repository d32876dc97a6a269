"""
The Arrow tables that a task returns to Spark for each file: its report, its companies, its cells.

Each kind fills other columns of one schema; `pipeline.spark_jobs.summarise` describes them.
"""

import json

import pyarrow as pa

from streaming.domain import ledger
from streaming.reading.messages import Report, Source
from streaming.reading.summary import CELLS, Summary

SCHEMA = pa.schema(
    [
        ("file", pa.int32()),
        ("report", pa.string()),
        ("block", pa.string()),
        ("companies", pa.binary()),
        ("repeated", pa.binary()),
        *CELLS,
    ]
)


def in_schema(tables: list[pa.Table]) -> pa.Table:
    """Return tables of any kind as one table; columns that a kind does not have are null."""
    return pa.concat_tables([SCHEMA.empty_table(), *tables], promote_options="default")


def of_report(source: Source, report: Report) -> pa.Table:
    """Return one row with `report` (JSON)."""
    return numbered(source, pa.table({"report": [json.dumps(vars(report))]}))


def of_companies(source: Source, summary: Summary) -> pa.Table:
    """Return one row per ledger block with `block` (text), `companies` and `repeated` (bitmaps)."""
    members, repeated = ledger.pack(summary.companies), ledger.pack(summary.repeated)
    table = {
        "block": list(members),
        "companies": list(members.values()),
        "repeated": pa.array([repeated.get(block) for block in members], pa.binary()),
    }
    return numbered(source, pa.table(table))


def numbered(source: Source, table: pa.Table) -> pa.Table:
    """Return a table with the number of its file as the column `file`."""
    return table.append_column("file", pa.array([source.number] * len(table), pa.int32()))
