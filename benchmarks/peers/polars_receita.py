"""Polars on the files of `benchmarks.receita_data`: scans both, joins them by root, collects."""

import sys
from pathlib import Path

import polars as pl

ESTABELE = {
    0: "root",
    1: "branch",
    2: "digits",
    3: "flag",
    5: "situation",
    10: "opened",
    19: "uf",
    20: "code",
}
EMPRECSV = {0: "root", 4: "capital"}


def scan(kind: str, columns: int, wanted: dict[int, str]) -> pl.LazyFrame:
    """Return the columns wanted of a kind, as text."""
    frame = pl.scan_csv(
        next(Path(sys.argv[1]).glob(f"*.{kind}")),
        separator=";",
        has_header=False,
        new_columns=[f"c{number}" for number in range(columns)],
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        missing_columns="insert",
    )
    return frame.select([pl.col(f"c{number}").alias(name) for number, name in wanted.items()])


joined = scan("ESTABELE", 30, ESTABELE).join(scan("EMPRECSV", 7, EMPRECSV), on="root", how="left")
rows, columns = joined.collect().shape
sys.stdout.write(f"{rows:,} rows of {columns} columns\n")
