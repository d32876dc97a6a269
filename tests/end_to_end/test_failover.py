"""Failover in the middle of a run, and to a replica that lagged: the next run heals, nothing doubles."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from streaming.settings import Settings
from streaming.store.store import Store
from tests.harness import Service, in_background, row, until
from tests.store.sentinels import Sentinels

FILES = 4
PATIENT = 60
"""Retries of a run: on a busy machine the sentinels take longer than a run usually waits."""


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """A primary, a replica and three sentinels."""
    made = Sentinels(tmp_path / "sentinels")
    yield made
    made.end()


@pytest.fixture
def failing(spark: SparkSession, settings: Settings, sentinels: Sentinels) -> Service:
    """A service on what the sentinels name, with four files that repeat each other's companies."""
    changed = {"redis_url": SecretStr(sentinels.url), "max_files_per_trigger": 1}
    made = Service(spark, settings.model_copy(update=changed), "redis://127.0.0.1:1")
    made.redis = made.store().client
    return made


def put(service: Service) -> list[str]:
    return [
        service.put(f"{n}.csv", [row(n), row(n + 1, "1.01"), row(n + 2, "0.09", "Belém", "PA")])
        for n in range(FILES)
    ]


def test_a_run_goes_on_after_a_failover_in_its_middle(failing: Service, sentinels: Sentinels) -> None:
    contents = put(failing)

    def kill() -> None:
        until(lambda: int(sentinels.primary.client.get("ingest:version") or 0) >= 2, what="2 commits")
        sentinels.primary.kill()

    with in_background(kill, threading.Event()):
        outcomes = failing.run(store=Store(sentinels.url, failing.settings, retries=PATIENT))

    assert sentinels.is_promoted()
    assert [outcome.state for outcome in outcomes] == ["ingested"] * len(outcomes)
    failing.run()
    failing.holds(*contents)


def test_a_failover_to_a_replica_that_lagged_is_healed_by_the_next_run(
    failing: Service, sentinels: Sentinels
) -> None:
    first = failing.put("first.csv", [row(1), row(90)])
    failing.run()
    for sentinel in sentinels.sentinels:
        sentinel.kill()
    sentinels.replica.client.replicaof("127.0.0.1", "1")  # where nothing is
    contents = put(failing)
    direct = f"redis://127.0.0.1:{sentinels.primary.port}/0"
    failing.run(store=Store(direct, failing.settings))
    assert sentinels.primary.client.get("ingest:version") == b"5"
    assert sentinels.replica.client.get("ingest:version") == b"1"

    sentinels.primary.kill()
    for sentinel in sentinels.sentinels:
        sentinel.start()
    until(sentinels.is_promoted, what="the failover")
    assert len(failing.run()) == FILES
    failing.holds(first, *contents)
