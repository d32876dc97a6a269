"""The names of a micro-batch: listed in a small landing zone, asked of Spark in a large one."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.errors import LandingZoneAway
from streaming.pipeline import query


@pytest.mark.parametrize(
    ("few", "names"),
    [(3, {"a.csv", "below", "notes.txt"}), (2, {"new.csv"})],
    ids=["a small landing zone", "a large one"],
)
def test_only_a_large_landing_zone_needs_a_spark_job_for_its_names(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, names: set[str]
) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "below").mkdir()
    paths = [("file:///zone/new.csv",), ("file:///zone/below/new.csv",)]
    monkeypatch.setattr(query, "FEW", few)

    assert query.discovered_names(spark.createDataFrame(paths, "path string"), tmp_path) == names


def test_a_landing_zone_that_is_gone_is_named(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(LandingZoneAway, match=r"landing zone .*/gone cannot be listed: No such file"):
        query.discovered_names(spark.createDataFrame([], "path string"), tmp_path / "gone")
