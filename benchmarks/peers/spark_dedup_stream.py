"""Spark's own way to count once: a stream with dropDuplicates, HINCRBYFLOAT in foreachBatch."""

import sys
from pathlib import Path

import redis
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "cnpj string, data_abertura timestamp, cidade string, estado string, capital_social decimal(14,2)"
)

landing_zone, url = sys.argv[1:]
client = redis.Redis.from_url(url)


def merge(batch: DataFrame, _: int) -> None:
    """Add what is new to Redis; a batch that Spark repeats is added again."""
    totals = batch.groupBy("cidade").agg(F.sum("capital_social").alias("total"), F.count("*").alias("n"))
    pipeline = client.pipeline(transaction=False)
    for row in totals.collect():
        pipeline.hincrbyfloat(row.cidade, "capital_social_total", float(row.total))
        pipeline.hincrby(row.cidade, "quantidade_empresas", row.n)
    pipeline.execute()


spark = (
    SparkSession.builder.master("local[*]")
    .config("spark.driver.memory", "8g")  # every CNPJ is kept in the heap: with the usual 1 GB it dies
    .config("spark.sql.shuffle.partitions", 2)  # not the 200 of a cluster, a state store each
    .getOrCreate()
)
(
    spark.readStream.csv(landing_zone, schema=SCHEMA, header=True)
    .dropDuplicates(["cnpj"])
    .writeStream.foreachBatch(merge)
    .option("checkpointLocation", str(Path(landing_zone).parent / "checkpoints" / "dedup"))
    .trigger(availableNow=True)
    .start()
    .awaitTermination()
)
spark.stop()
