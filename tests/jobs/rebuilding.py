"""Rebuilds for tests."""

import threading
from collections.abc import Callable

from streaming.domain.results import Outcome, Rebuilt
from streaming.jobs import audit
from streaming.jobs.rebuild import Rebuild
from streaming.settings import Settings, load
from streaming.store.store import Store
from tests.harness import Service


def rebuild(
    service: Service,
    *,
    report: Callable[[list[Outcome]], None] = lambda _: None,
    store: Store | None = None,
    stop: threading.Event | None = None,
    settings: Settings | None = None,
    **options: bool,
) -> Rebuilt:
    stop = stop or threading.Event()
    made = Rebuild(
        settings or service.settings, store or service.store(), lambda: service.spark, stop, report
    )
    return made.run(**options)


def other(service: Service, **changes: object) -> Settings:
    return load(**{**service.settings.model_dump(), **changes, "_env_file": None})


def sound(service: Service) -> None:
    result = audit.compare(service.settings, service.store(), lambda: service.spark)
    assert (result.differences, result.notes) == ([], [])


def leftovers(service: Service) -> list[bytes]:
    return [key for key in service.redis.scan_iter() if b"rebuild" in key]
