"""
Reads and judges files: encoding, header, rows, rules, sums, rejected rows.

What runs inside a Spark task is here, and DuckDB is imported only here. Nothing here knows Spark or Redis:
a function gets a path and rules, and returns values or Arrow tables.
"""
