"""Metrics of a run that ends: a file in one step, a Pushgateway, and failures that cost nothing."""

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge
from structlog.testing import capture_logs

from streaming.metrics import export
from tests.harness import until
from tests.ops.prometheus import installed


def registry(value: int) -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("cars_bytes", "Of cars", registry=made).set(value)
    return made


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """A real Pushgateway."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen(
        [installed("prometheus-pushgateway"), f"--web.listen-address={address}"],
        stderr=(tmp_path / "log").open("w"),
    )
    try:
        until(lambda: "Listening" in (tmp_path / "log").read_text(), what="the Pushgateway")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def test_the_file_has_the_last_metrics_and_nothing_else_stays(tmp_path: Path) -> None:
    for value in (1, 2):
        export.textfile(tmp_path / "run.prom", registry(value))
    assert [path.name for path in tmp_path.iterdir()] == ["run.prom"]
    assert (tmp_path / "run.prom").read_text().splitlines()[-1] == "cars_bytes 2.0"


def test_a_directory_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    with capture_logs() as logs:
        export.textfile(tmp_path / "no" / "run.prom", registry(1))
    assert [(line["log_level"], line["event"], line["reason"]) for line in logs] == [
        ("warning", "metrics not written", "No such file or directory")
    ]


def test_a_push_takes_the_place_of_the_one_before(gateway: str) -> None:
    with capture_logs() as logs:
        for value in (1, 2):
            export.push(gateway, registry(value))
    page = urllib.request.urlopen(f"{gateway}/metrics", timeout=10).read().decode()
    assert 'cars_bytes{instance="",job="city-features"} 2' in page.splitlines()
    assert logs == []


def test_a_gateway_that_is_away_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with capture_logs() as logs:
        export.push(f"http://127.0.0.1:{port}", registry(1))
    assert [(line["log_level"], line["event"]) for line in logs] == [("warning", "metrics not pushed")]
    assert "Connection refused" in logs[0]["reason"]
