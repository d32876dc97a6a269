"""What a run shows of itself: pages that are served, or metrics that are handed over at its end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from streaming.errors import CityFeaturesError
from streaming.jobs.lifetime import LazySpark
from streaming.settings import Settings
from streaming.store.store import connect

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.jobs.monitor")

PATIENCE = 2.0  # seconds for a reply of Redis; Prometheus waits ten for all


@contextmanager
def served(
    settings: Settings, port: int | None, spark: LazySpark, following: threading.Event
) -> Iterator[None]:
    """
    Serve /metrics, /healthz and /readyz at this port of METRICS_HOST; without a port, nothing.

    Raises:
        EnvironmentRefused: the port is taken.
    """
    if port is None:
        yield
        return
    from streaming.jobs.gauges import Gauges
    from streaming.jobs.readiness import Readiness
    from streaming.metrics import server
    from streaming.metrics.instruments import REGISTRY

    store = connect(settings, retries=1, patience=PATIENCE)
    readiness = Readiness(settings, store, spark, following)
    checks = {"/healthz": readiness.alive, "/readyz": readiness.ready}
    gauges = Gauges(settings, store)
    REGISTRY.register(gauges)
    try:
        with server.serving(settings.metrics_host, port, REGISTRY, checks):
            yield
    finally:
        REGISTRY.unregister(gauges)


@contextmanager
def exported(settings: Settings) -> Iterator[None]:
    """Write or push the metrics after the block, as METRICS_TEXTFILE and METRICS_PUSHGATEWAY say."""
    try:
        yield
    finally:
        if settings.metrics_textfile or settings.metrics_pushgateway:
            _export(settings)


def _export(settings: Settings) -> None:
    from streaming.jobs.gauges import Gauges
    from streaming.metrics import export
    from streaming.metrics.instruments import REGISTRY

    try:
        store = connect(settings, retries=1, patience=PATIENCE)
    except CityFeaturesError as error:  # the run's own error is the one to show
        log.warning("metrics not written", reason=str(error))
        return
    gauges = Gauges(settings, store)
    REGISTRY.register(gauges)
    try:
        if settings.metrics_textfile:
            export.textfile(settings.metrics_textfile, REGISTRY)
        if settings.metrics_pushgateway:
            export.push(settings.metrics_pushgateway, REGISTRY)
    finally:
        REGISTRY.unregister(gauges)
