"""What integration tests drive: a service on a real server, processes, and a lossy proxy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.settings import Settings
from tests.harness import ROOT, Program, Service, dumped, restore, row, until
from tests.proxy import Proxy

__all__ = ["ROOT", "Program", "Proxy", "Service", "dumped", "restore", "row", "until"]


@pytest.fixture
def service(spark: SparkSession, settings: Settings, server_url: str) -> Service:
    """A service with an empty landing zone, an empty Redis and no checkpoint."""
    return Service(spark, settings, server_url)


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    """A proxy before the real server."""
    made = Proxy("127.0.0.1", int(server_url.rpartition(":")[2].partition("/")[0]))
    yield made
    made.close()


@pytest.fixture
def program(settings: Settings, server_url: str, tmp_path: Path) -> Iterator[Program]:
    """The program on the same directories and the same server as `settings`."""
    made = Program(tmp_path, {"REDIS_URL": server_url, "SETTLE_SECONDS": "0.2"})
    yield made
    made.end()
