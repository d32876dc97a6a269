"""Hosts on which the runbook's situations are made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streaming.store import local_server
from tests.end_to_end.runbook import Host

Hosts = Callable[..., Host]


@pytest.fixture(params=["in this process", pytest.param("as processes", marks=pytest.mark.long)])
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hosts]:
    """Make hosts by the name of their directory; their own servers are stopped at the end."""
    spark = request.getfixturevalue("spark") if request.param == "in this process" else None
    made: list[Host] = []

    def host(name: str = "host", **environment: str) -> Host:
        made.append(Host(tmp_path / name, spark, environment))
        return made[-1]

    yield host
    for one in made:
        local_server.stop(one.directory / ".redis")
