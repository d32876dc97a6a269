"""The pages of a service: metrics, checks, and a port that cannot be had."""

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from streaming.errors import EnvironmentRefused
from streaming.metrics import server

Answer = tuple[int, str]


def get(url: str) -> Answer:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_page_has_the_metrics_and_each_check_its_own(host: str) -> None:
    registry = CollectorRegistry()
    Gauge("cars_bytes", "Of cars", registry=registry).set(3)
    wrong: list[str] = []

    with server.serving(host, 0, registry, {"/readyz": lambda: wrong}) as url:
        assert get(f"{url}/metrics") == (
            200,
            "# HELP cars_bytes Of cars\n# TYPE cars_bytes gauge\ncars_bytes 3.0\n",
        )
        assert get(f"{url}/readyz") == (200, "ok\n")
        wrong += ["no Redis: start it", "no files"]
        assert get(f"{url}/readyz") == (503, "no Redis: start it\nno files\n")
        assert get(f"{url}/other") == (404, "there are\n/metrics\n/readyz\n")


def test_after_the_block_the_port_is_free_again() -> None:
    with server.serving("127.0.0.1", 0, CollectorRegistry(), {}) as url:
        port = int(url.rpartition(":")[2])
    with server.serving("127.0.0.1", port, CollectorRegistry(), {}) as again:
        assert again == url


def test_a_client_that_sends_nothing_holds_up_nobody() -> None:
    with server.serving("127.0.0.1", 0, CollectorRegistry(), {"/healthz": list}) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))):
            assert get(f"{url}/healthz") == (200, "ok\n")


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(EnvironmentRefused) as refused,
            server.serving("127.0.0.1", port, CollectorRegistry(), {}),
        ):
            pass
    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 is taken: give --metrics-port another one, or end what listens there"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with (
        pytest.raises(EnvironmentRefused, match=rf"cannot be served at {host}, port 0: .*METRICS_HOST"),
        server.serving(host, 0, CollectorRegistry(), {}),
    ):
        pass
