"""Polars and HSET: as fast as these two cores go, in floats, and nothing is promised."""

import sys
import time
from pathlib import Path

import polars as pl
import redis

landing_zone, url = sys.argv[1:]
began = time.monotonic()
capital = pl.col("capital_social")
features = (
    pl.scan_csv(Path(landing_zone) / "*.csv", schema_overrides={"cnpj": pl.String})
    .group_by("cidade")
    .agg(
        capital.sum().alias("capital_social_total"),
        pl.len().alias("quantidade_empresas"),
        capital.mean().alias("capital_social_medio"),
    )
    .collect()
)
pipeline = redis.Redis.from_url(url).pipeline(transaction=False)
for cidade, *values in features.iter_rows():
    pipeline.hset(cidade, mapping=dict(zip(features.columns[1:], values, strict=True)))
pipeline.execute()
sys.stdout.write(f"seconds after its start: {time.monotonic() - began:.3f}\n")
