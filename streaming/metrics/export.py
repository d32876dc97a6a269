"""Hands the metrics of a run that ends to a textfile of node_exporter, or to a Pushgateway."""

from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, push_to_gateway, write_to_textfile

JOB = "city-features"
SECONDS = 5

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.metrics.export")


def textfile(path: Path, registry: CollectorRegistry) -> None:
    """Write the metrics to a file, in one step; a failure is a warning in the log."""
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        log.warning(
            "metrics not written",
            path=str(path),
            reason=error.strerror or str(error),
            action="make the directory of METRICS_TEXTFILE writable; the run is not affected",
        )


def push(url: str, registry: CollectorRegistry) -> None:
    """Replace the metrics of the last run at a Pushgateway; a failure is a warning in the log."""
    try:
        push_to_gateway(url, JOB, registry, timeout=SECONDS)
    except (OSError, ValueError) as error:  # of urllib: no connection, no answer, no URL
        log.warning(
            "metrics not pushed",
            reason=f"{type(error).__name__}: {getattr(error, 'reason', None) or error}",
            action="start the Pushgateway or correct METRICS_PUSHGATEWAY; the run is not affected",
        )
