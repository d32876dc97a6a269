"""
Spark's internals: the JVM and its prepared start, the session, its environment, its cluster.

All that depends on how PySpark starts, stops and fails. It knows nothing of files, companies or Redis:
what is computed with a session belongs in `pipeline`.
"""
