"""
The counters and histograms of the pipeline, in one registry.

Their names and units are those of docs/monitoring.md; a test holds the two against each other. The
gauges, which are looked up when someone asks, are in `jobs/gauges`.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

PREFIX = "city_features_"
OUTCOMES = ("ingested", "rejected", "failed", "unreadable")
ROWS = ("new", "duplicates", "rejected")
STAGES = ("waiting", "reading", "committing", "archiving")
# From a small file, which takes a quarter of a second, to a night's backlog.
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

disable_created_metrics()  # type: ignore[no-untyped-call]  # `…_created`: nobody asks for them
REGISTRY = CollectorRegistry()

_files = Counter(f"{PREFIX}files", "Files by what became of them", ["outcome"], registry=REGISTRY)
_rows = Counter(f"{PREFIX}rows", "Rows of counted files by outcome", ["outcome"], registry=REGISTRY)
_stages = Histogram(
    f"{PREFIX}file_stage_seconds",
    "How long a file was in each stage, from its discovery to the archive",
    ["stage"],
    buckets=SECONDS,
    registry=REGISTRY,
)

FILES = {outcome: _files.labels(outcome) for outcome in OUTCOMES}
ROWS_OF = {outcome: _rows.labels(outcome) for outcome in ROWS}
STAGE = {stage: _stages.labels(stage) for stage in STAGES}
BATCH = Histogram(
    f"{PREFIX}batch_duration_seconds",
    "From the start of a batch to the acknowledgement of its commit",
    buckets=SECONDS,
    registry=REGISTRY,
)
READABLE = Histogram(
    f"{PREFIX}discover_to_readable_seconds",
    "From the discovery of a file to the acknowledgement of its commit",
    buckets=SECONDS,
    registry=REGISTRY,
)
