"""
One module per verb of the command line: drop, run, audit, rebuild, status, checks, verify, prepare.

A job puts the pieces together: it takes settings and a store, starts Spark if there is work, and returns
a value of `domain/results`. It prints nothing. The DAG imports jobs too. Below it: `pipeline`, and what
that stands on.
"""
