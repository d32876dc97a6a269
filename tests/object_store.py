"""
A real object store on loopback: SeaweedFS, with many buckets and no data beyond its end.

By hand: `python -m tests.object_store` starts one, prints the settings to export, and runs until Ctrl-C.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

WEED = Path(sys.executable).with_name("weed")
ACCESS, SECRET = "landing", "secret-of-the-tests"
PATIENCE = 60.0
"""Seconds in which a server is up; on an idle machine it takes four."""
GRPC = 10_000
"""SeaweedFS listens at each port and at the port so much above it."""
ENDED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
    "AWS_METADATA_ENDPOINT": "http://127.0.0.1:9",
}
"""The variables with which clients find credentials, and ask no cloud for any."""


class ObjectStore:
    """A server that runs; `endpoint` is its URL for S3."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ports = dict(zip(("master", "volume", "filer", "s3"), _free_ports(4), strict=True))
        self.endpoint = f"http://127.0.0.1:{self._ports['s3']}"
        self._start()

    @property
    def environment(self) -> dict[str, str]:
        """What its clients need in their environment."""
        return dict(ENVIRONMENT)

    def bucket(self, name: str | None = None) -> str:
        """Make an empty bucket; return its name."""
        name = name or f"b-{uuid4().hex[:12]}"
        self._filer("POST", f"/buckets/{name}/")
        return name

    def make(self, key: str) -> None:
        """Make a folder object, as a console does, of a key that begins with the bucket."""
        self._filer("POST", f"/buckets/{quote(key)}/")

    def stop(self) -> None:
        """End the server at once: it would take its time to keep what is removed here."""
        self._process.kill()
        self._process.wait()
        remove_sockets(self._ports)

    def pause(self) -> None:
        """Let the server answer nothing until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the server go on."""
        self._process.send_signal(signal.SIGCONT)

    def _start(self) -> None:
        if not WEED.exists():
            raise FileNotFoundError(f"{WEED} is missing: run make dev")
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = self.directory / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        options = (
            f"-dir={self.directory}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            *(f"-{name}.port={port}" for name, port in self._ports.items()),
            f"-s3.config={config}",
            f"-s3.localSocket={self.directory / 's3.sock'}",
            f"-filer.localSocket={self.directory / 'filer.sock'}",
            "-s3.iam=false",
            "-s3.port.iceberg=0",  # else it opens two fixed ports more
            "-s3.port.lance=0",
            "-master.telemetry=false",  # else it reports to its makers
            "-master.volumeSizeLimitMB=128",
            "-master.volumePreallocate=false",
            "-volume.max=10000",  # each bucket takes one
            "-volume.preStopSeconds=0",
        )
        with (self.directory / "log").open("w") as log:
            self._process = subprocess.Popen(
                [WEED, f"-logdir={self.directory}", "server", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
                preexec_fn=_end_with_parent,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                # Through S3, unsigned: 403 is its answer when it is up, and a write needs a volume.
                self._filer("PUT", "/up", b"up")
                with suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(self.endpoint, timeout=5).close()
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    log = (self.directory / "log").read_text(errors="replace")
                    raise RuntimeError(f"the object store did not start: {log[-2000:]}") from error
                time.sleep(0.1)

    def _filer(self, method: str, path: str, body: bytes | None = None) -> None:
        url = f"http://127.0.0.1:{self._ports['filer']}{path}"
        request = urllib.request.Request(url, body, method=method)
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def running() -> Iterator[ObjectStore]:
    """Run a server with a directory of its own, which goes with it."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="weed-"))
        store = ObjectStore(Path(directory))
        stack.callback(store.stop)
        yield store


def remove_sockets(ports: Mapping[str, int]) -> None:
    """Remove what a server makes in /tmp, whatever it is told, and leaves when it is killed."""
    for name, port in ports.items():
        Path(f"/tmp/seaweedfs-{name}-grpc-{port + GRPC}.sock").unlink(missing_ok=True)


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, also if that was killed."""
    ctypes.CDLL(None).prctl(ENDED, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    """Return free ports of loopback; the ports 10,000 above are free too."""
    with ExitStack() as probes:
        ports: list[int] = []
        while len(ports) < count:
            with suppress(OSError, OverflowError):
                port = probes.enter_context(_bound(0)).getsockname()[1]
                probes.enter_context(_bound(port + GRPC))
                ports.append(port)
        return ports


def _bound(port: int) -> socket.socket:
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        probe.close()
        raise
    return probe


def main() -> None:
    """Start a server, print what to export for it, and wait for Ctrl-C."""
    with running() as store:
        settings = {
            "LANDING_ZONE": f"s3://{store.bucket('city-features')}/landing",
            "LANDING_ZONE_ENDPOINT": store.endpoint,
            **ENVIRONMENT,
        }
        for name, value in settings.items():
            print(f"export {name}={value}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
