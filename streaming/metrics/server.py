"""Serves metrics and health over HTTP, in threads of its own."""

import errno
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, AddressFamily
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from streaming.errors import EnvironmentRefused

Check = Callable[[], list[str]]
"""Returns what is wrong, a line each; nothing if all is well."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.metrics.server")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # that of HTTPServer asks the DNS for the host's name
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _ServerV6(_Server):
    address_family: AddressFamily = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds for a client that sends nothing

    def log_message(self, format: str, *args: object) -> None:
        """Leave the service's log to files and batches."""


@contextmanager
def serving(
    host: str, port: int, registry: CollectorRegistry, checks: Mapping[str, Check]
) -> Iterator[str]:
    """
    Serve `/metrics` of this registry, and each check under its path (200, or 503 with what is wrong).

    Args:
        port: 0 takes a free one.

    Yields:
        The URL.

    Raises:
        EnvironmentRefused: the address cannot be listened at.
    """
    try:
        server = (_ServerV6 if ":" in host else _Server)((host, port), _Handler)
    except (OSError, OverflowError) as error:
        raise _refused(host, port, error) from None
    server.set_app(_application(registry, checks))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    shown = f"[{host}]" if server.address_family != AF_INET else host
    url = f"http://{shown}:{server.server_port}"
    log.info("serving metrics", url=f"{url}/metrics")
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


def _refused(host: str, port: int, error: Exception) -> EnvironmentRefused:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return EnvironmentRefused(
            f"port {port} on {host} is taken: give --metrics-port another one, or end what listens there"
        )
    why = getattr(error, "strerror", None) or error
    return EnvironmentRefused(
        f"metrics cannot be served at {host}, port {port}: {why}; correct METRICS_HOST or --metrics-port"
    )


def _application(registry: CollectorRegistry, checks: Mapping[str, Check]) -> Any:
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        if path in checks:
            wrong = checks[path]()
            status, lines = ("503 Service Unavailable", wrong) if wrong else ("200 OK", ["ok"])
        else:
            status, lines = "404 Not Found", ["there are", "/metrics", *checks]
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return ["".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")]

    return application
