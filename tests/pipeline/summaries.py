"""Summaries of files, for tests of the Spark jobs."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from streaming.pipeline import spark_jobs
from streaming.reading.messages import Report, Rules, Source
from tests.sources import source

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))

MES, FAIXA = "2024-01", 1

Cells = dict[tuple[str, str, str, int], tuple[Decimal, int]]


def write(directory: Path, **contents: str) -> list[Source]:
    made = []
    for number, (name, content) in enumerate(contents.items()):
        path = directory / f"{name}.csv"
        path.write_text(content)
        made.append(source(path, number))
    return made


def added_up(aggregated: DataFrame) -> Cells:
    collected = aggregated.collect()
    sums = {(r[0], r[1], r[2], r[3]): (r[4], r[5]) for r in collected}
    assert len(sums) == len(collected), "one row a cell"
    return sums


def summaries(
    spark: SparkSession, *rows: tuple[int, str | None, str | None, str | None, int | None]
) -> DataFrame:
    made = [
        (
            n,
            None if city else json.dumps(asdict(Report("read"))),
            None,
            None,
            None,
            city,
            state,
            city and MES,
            FAIXA if city else None,
            amount and Decimal(amount),
            count,
        )
        for n, city, state, amount, count in rows
    ]
    return spark.createDataFrame(made, spark_jobs.SUMMARIES)
