"""Fixtures for all tests: settings in a directory of their own, one Spark, one real server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.settings import Settings, load
from streaming.spark import session
from streaming.store import local_server
from streaming.store.store import Store

pytest.register_assert_rewrite("tests.harness", "tests.chaos")

for name in list(os.environ):
    if name.lower() in Settings.model_fields:
        del os.environ[name]


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One Spark for all tests."""
    started = session.start(load(spark_master="local[2]"))
    yield started
    session.stop(started)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, the way the service starts its own; stopped at the end."""
    directory = tmp_path_factory.mktemp("redis")
    yield local_server.url(directory)
    local_server.stop(directory)


@pytest.fixture
def settings(tmp_path: Path, server_url: str) -> Settings:
    """Settings of a service that has its own directories and an empty Redis."""
    for directory in ("landing_zone", "checkpoints"):
        (tmp_path / directory).mkdir()
    configured = load(
        _env_file=None,
        redis_url=server_url,
        landing_zone=tmp_path / "landing_zone",
        checkpoints=tmp_path / "checkpoints",
        settle_seconds=0.2,
        settle_timeout=10,
        spark_master="local[2]",
    )
    Store(server_url, configured).client.flushall()
    return configured


@pytest.fixture
def store(settings: Settings, server_url: str) -> Store:
    """The store of these settings, empty."""
    return Store(server_url, settings)
