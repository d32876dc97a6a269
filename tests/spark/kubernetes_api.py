"""A stand-in for the API of Kubernetes and for its nodes: containers of executors are processes."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.harness import session_of

Document = dict[str, Any]


class KubernetesApi:
    """
    One namespace with the driver's pod; a pod that is created runs until it is deleted.

    `requests` are the methods and resources that were asked for, `created` the pods. What a pod runs is
    the command beside `entrypoint` that its first argument names, with the variables of its container;
    `secrets` and `node` (added last) are what the cluster would give it.
    """

    def __init__(
        self,
        directory: Path,
        entrypoint: Path,
        driver: str,
        secrets: Mapping[str, Mapping[str, str]],
        node: Mapping[str, str],
    ) -> None:
        self.requests: set[tuple[str, str]] = set()
        self.pods: dict[str, Document] = {driver: _running({"metadata": {"name": driver}})}
        self.created: list[Document] = []
        self._directory, self._entrypoint = directory, entrypoint
        self._secrets, self._node = secrets, node
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                api._handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def master(self) -> str:
        """The URL for SPARK_MASTER."""
        return f"k8s://http://127.0.0.1:{self._server.server_address[1]}"

    def log(self) -> str:
        """Return what the executors said."""
        return "\n".join(path.read_text(errors="replace") for path in self._directory.glob("*.log"))

    def close(self) -> None:
        """Take no more requests, and kill what runs."""
        self._server.shutdown()
        self._server.server_close()
        for name in list(self._processes):
            self._end(name)

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        parts = urlsplit(request.path).path.strip("/").split("/")
        _, _, _, _, resource, *names = [*parts, "", "", "", "", ""][: max(len(parts), 5)]
        verb = request.command if names else f"{request.command} all"
        with self._lock:
            self.requests.add((verb, resource))
            status, answer = self._answer(verb, resource, names, json.loads(body) if body else {})
        content = json.dumps(answer).encode()
        with suppress(OSError):
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

    def _answer(
        self, verb: str, resource: str, names: list[str], document: Document
    ) -> tuple[int, Document]:
        match verb, resource, names:
            case "POST all", "pods", _:
                return 201, self._create(document)
            case "POST all", _, _:
                return 201, document
            case "GET all", "pods", _:
                executors = [pod for pod in self.pods.values() if "spec" in pod]
                return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": executors}
            case "GET", "pods", [name] if name in self.pods:
                return 200, self.pods[name]
            case "DELETE", "pods", [name] if name in self.pods:
                self._end(name)
                return 200, self.pods.pop(name)
            case "DELETE all", "pods", _:
                for name in list(self._processes):
                    self._end(name)
                    self.pods.pop(name, None)
                return 200, {"apiVersion": "v1", "kind": "Status", "status": "Success"}
            case ("DELETE all" | "DELETE"), _, _:
                return 200, {"apiVersion": "v1", "kind": "Status", "status": "Success"}
        return 404, {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 404}

    def _create(self, pod: Document) -> Document:
        self.created.append(pod)
        name = pod["metadata"]["name"]
        [container] = pod["spec"]["containers"]
        directory = self._directory / name
        directory.mkdir()
        variables = {variable["name"]: self._value(variable, name) for variable in container["env"]}
        with (self._directory / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [self._entrypoint.with_name(container["args"][0]), *container["args"][1:]],
                cwd=directory,
                env={**variables, "SPARK_LOCAL_DIRS": str(directory), **self._node},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pods[name] = _running(pod)
        return self.pods[name]

    def _value(self, variable: Document, pod: str) -> str:
        if "valueFrom" not in variable:
            return str(variable.get("value", ""))
        if field := variable["valueFrom"].get("fieldRef"):
            return {"status.podIP": "127.0.0.1", "metadata.name": pod}[field["fieldPath"]]
        reference = variable["valueFrom"]["secretKeyRef"]
        return self._secrets[reference["name"]][reference["key"]]

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        for pid in [process.pid, *session_of(process.pid)] if process else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if process:
            process.wait()


def _running(pod: Document) -> Document:
    """Return a pod as the API gives it once its container runs."""
    metadata = {**pod["metadata"], "uid": str(uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {
        **pod,
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "status": {"phase": "Running"},
    }
