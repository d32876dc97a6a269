"""
What people and shells see: commands, tables, JSON documents, progress, completion.

Belongs here: everything about typer, rich, terminals and exit codes. Does not: decisions, which are jobs
and return values of `domain.results`.
"""
