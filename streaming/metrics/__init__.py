"""
What the service measures of itself, for Prometheus: counts and histograms, and how they are handed over.

Nothing here knows files, Redis or Spark: they call it. Only here, and in `jobs/gauges`, is
prometheus-client used; importing it takes longer than a short command, so `store/` counts with `tally`.
"""
