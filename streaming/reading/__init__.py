"""
Reads and judges files: encoding, header, rows, rules, sums, rejected rows.

Code that runs inside a Spark task is here, and only here DuckDB is imported. Nothing here knows Spark or
Redis: a function gets a path and rules, and returns values or Arrow tables.
"""
