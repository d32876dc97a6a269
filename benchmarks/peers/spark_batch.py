"""Plain batch PySpark: read with a schema, group, HSET. Nothing is validated, nothing is promised."""

import sys

import redis
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "cnpj string, data_abertura timestamp, cidade string, estado string, capital_social decimal(14,2)"
)

landing_zone, url = sys.argv[1:]
spark = SparkSession.builder.master("local[*]").getOrCreate()
features = (
    spark.read.csv(landing_zone, schema=SCHEMA, header=True)
    .groupBy("cidade")
    .agg(
        F.sum("capital_social").alias("capital_social_total"),
        F.count("*").alias("quantidade_empresas"),
        F.avg("capital_social").alias("capital_social_medio"),
    )
)
pipeline = redis.Redis.from_url(url).pipeline(transaction=False)
for row in features.collect():
    pipeline.hset(row.cidade, mapping={name: str(row[name]) for name in features.columns[1:]})
pipeline.execute()
spark.stop()
