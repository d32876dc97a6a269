"""Names in capital letters are found by Spark as well, not only by the reconcile pass."""

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from streaming.pipeline import spark_jobs


def test_spark_finds_csv_files_of_any_letter_case(spark: SparkSession, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.mkdir()
    for name in ("a.csv", "b.CSV", "c.Csv.GZ", "d.zip"):
        (zone / name).write_text("x")
    names: set[str] = set()

    def collect(batch: DataFrame, _: int) -> None:
        names.update(row.path.rpartition("/")[2] for row in batch.collect())

    stream = spark_jobs.landed(spark, zone).writeStream.foreachBatch(collect)
    stream = stream.option("checkpointLocation", (tmp_path / "checkpoint").as_uri())
    stream.trigger(availableNow=True).start().awaitTermination()

    assert names == {"a.csv", "b.CSV", "c.Csv.GZ"}
