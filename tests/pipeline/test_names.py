"""Directories of any name: Spark finds the files in them, and keeps its checkpoint there."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from streaming.pipeline import spark_jobs

# One of each kind of trouble: what URIs encode, what patterns, shells, options and lists take apart.
NAMES = [
    "Meus Projetos",
    "São João",
    "100%25",
    "a#b?c",
    "[ab]{c,d}*",
    "back\\slash\\",
    """it's "quoted" `now`""",
    "$HOME;~+&|<>",
    "two:colons:",
    "new\nline\ttab",
]


def streamed(spark: SparkSession, zone: Path, checkpoint: Path) -> list[str]:
    """Return the names that a stream over the zone brings."""
    names: list[str] = []

    def take(batch: DataFrame, _: int) -> None:
        names.extend(entry.path.rpartition("/")[2] for entry in batch.collect())

    stream = spark_jobs.landed(spark, zone).writeStream.foreachBatch(take)
    stream = stream.option("checkpointLocation", spark_jobs.location(checkpoint))
    stream.trigger(availableNow=True).start().awaitTermination()
    return sorted(names)


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_of_any_name_is_listed_and_holds_a_checkpoint(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    zone, checkpoint = tmp_path / name / "zone", tmp_path / name / "checkpoint"
    (zone / "below").mkdir(parents=True)
    for file in ("a.csv", "b.CSV", "c.Csv.GZ", "d.txt", "below/e.csv"):
        (zone / file).write_text("x")

    first = streamed(spark, zone, checkpoint)
    (zone / "f.csv").write_text("x")
    again = streamed(spark, zone, checkpoint)

    assert (first, again) == (["a.csv", "b.CSV", "c.Csv.GZ", "e.csv"], ["f.csv"])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (checkpoint / "commits").is_dir()
