"""A wire to an object store: answers in its place, cuts its answers, or acts just before a request."""

import http.client
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP = ("connection", "transfer-encoding", "content-length", "date", "server")


@dataclass
class Fault:
    """
    What happens to the next requests of a method: `times` of them; others pass.

    Attributes:
        status, body, headers: the answer in place of the store's, if there is a status.
        cut: how many bytes of the store's answer are passed on before the connection closes.
        act: called before the store gets the request, or before the answer is lost.
        lost: the connection closes without an answer, "before" the store gets the request or "after".
        target: what is in the targets of these requests, as a regular expression.
        header: a header that these requests have.
    """

    method: str
    times: int
    status: int = 0
    body: bytes = b""
    cut: int | None = None
    act: Callable[[], object] = lambda: None
    headers: dict[str, str] = field(default_factory=dict)
    lost: str = ""
    target: str = ""
    header: str = ""


class _Server(ThreadingHTTPServer):
    """A server whose clients may be killed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about a client that has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class StoreProxy:
    """
    A proxy before an object store.

    `requests` are the methods and targets that came, in order. With `keeps_conditions` off,
    removals lose theirs; those of other requests are signed. While `clock` (seconds since 1970) is set,
    all objects seem to be of that time.
    """

    def __init__(self, endpoint: str) -> None:
        self.requests: list[str] = []
        self.keeps_conditions = True
        self.clock: int | None = None
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        server = urlsplit(endpoint)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy._handle(self, server.netloc)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        """The URL for clients."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, fault: Fault) -> None:
        """Let this happen to the next requests of its method, after the faults that are there."""
        with self._lock:
            self._faults.append(fault)

    def calm(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._server.server_close()

    def _next(self, request: BaseHTTPRequestHandler) -> Fault:
        with self._lock:
            for fault in self._faults:
                if (
                    fault.times
                    and fault.method == request.command
                    and re.search(fault.target, request.path)
                    and (not fault.header or fault.header in request.headers)
                ):
                    fault.times -= 1
                    return fault
        return Fault(request.command, 1)

    def _handle(self, request: BaseHTTPRequestHandler, server: str) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.requests.append(f"{request.command} {request.path}")
        fault = self._next(request)
        if fault.lost != "after":
            fault.act()
        if fault.lost == "before":
            request.close_connection = True
            return
        if fault.status:
            _answer(request, fault.status, fault.headers, fault.body)
            return
        connection = http.client.HTTPConnection(server, timeout=60)
        try:
            # With the client's Host: it is signed.
            connection.putrequest(
                request.command, request.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers.items():
                if (
                    request.command == "DELETE"
                    and name.lower() == "if-match"
                    and not self.keeps_conditions
                ):
                    continue
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            if fault.lost == "after":
                fault.act()
                request.close_connection = True
                return
            headers = {n: v for n, v in answer.getheaders() if n.lower() not in HOP}
            size = int(answer.headers.get("Content-Length") or len(content))
            if self.clock is not None:
                before, content = len(content), _with_times(content, headers, self.clock)
                size += len(content) - before
            _answer(request, answer.status, headers, content, size, fault.cut)
        finally:
            connection.close()


def _with_times(content: bytes, headers: dict[str, str], clock: int) -> bytes:
    """Put one time in place of those in an answer."""
    if "Last-Modified" in headers:
        headers["Last-Modified"] = formatdate(clock, usegmt=True)
    if not content.startswith(b"<?xml"):
        return content
    text = datetime.fromtimestamp(clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return re.sub(rb"(<LastModified>)[^<]*", rb"\g<1>" + text, content)


def _answer(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    size: int | None = None,
    cut: int | None = None,
) -> None:
    with suppress(OSError):  # the client has gone
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body) if size is None else size))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[:cut])
    request.close_connection = request.close_connection or cut is not None
