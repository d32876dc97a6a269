"""
From the bytes of a file to rows, sums and rejected rows: encodings, dialects, rules, DuckDB.

It runs on Spark's executors, one file at a time, and knows nothing of Redis, of Spark or of what was
counted before: the driver tells it what to retract. Here and nowhere else: duckdb.
"""
