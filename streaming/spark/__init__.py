"""
Spark as the service needs it: its JVM, its session, the environment they start in.

Belongs here: whatever depends on how PySpark, Py4J and the JVM work inside. Does not: DataFrames and
streams (`pipeline`), and what runs inside a task (`reading`).
"""
