"""Redis behind TLS, with a CA of one's own and client certificates; and who is refused, at once."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from streaming.errors import CityFeaturesError, EnvironmentRefused, RedisRefused, RedisUnavailable
from streaming.jobs import checks
from streaming.settings import Settings, load
from streaming.store.store import RETRIES, Store, connect
from tests.harness import Program, Service, dumped, row
from tests.store.commits import commit
from tests.store.secured import PASSWORD, Secured


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
    environment = {"REDIS_URL": url, "LOG_LEVEL": "debug"}
    (program.directory / "a.csv").write_text(
        "cnpj,data_abertura,cidade,estado,capital_social\n"
        "00000001000100,2025-07-28,Natal,RN,1.00\n"
        "x,2025-07-28,Natal,RN,1.00\n"
    )
    commands = [
        program.inside("check", **environment),
        program.inside("drop", "a.csv", **environment),
        program("run", "--json", LOG_FORMAT="json", **environment),
        program("run", **environment),
        program.inside("show", "--json", **environment),
        program.inside("status", "--json", **environment),
        program.inside("quarantine", **environment),
        program.inside("redis", "url", **environment),
        program.inside("redis", "cli", "hget", "Natal", "capital_social_total", **environment),
        program.inside("redis", "cli", "get", "ingest:files", code=1, **environment),
        program.inside("show", "Nowhere", code=1, **environment),
    ]
    silent(secured, *(done.stdout + done.stderr for done in commands))
    assert commands[-4].stdout == f"rediss://localhost:{secured.port}/0\n"
    assert commands[-3].stdout == "1.00\n"


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
    options, others, message = (REFUSED | MISTAKEN)[case]
    parameters = secured.right
    for name, value in options.items():
        parameters.pop(name, None)
        if value is not None:
            parameters[name] = secured.file(value) if name != "ssl_password" else value
    return secured.url(parameters, **others), message


@pytest.mark.parametrize("case", [*REFUSED, *MISTAKEN])
def test_who_is_refused_is_told_at_once_what_to_do_and_nothing_is_written(
    settings: Settings, secured: Secured, case: str
) -> None:
    url, message = wrong(secured, case)
    for retries in (0, RETRIES):  # what it is told with does not depend on trying again
        began = time.monotonic()

        with pytest.raises(
            RedisRefused if case in REFUSED else EnvironmentRefused, match=message
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
    environment = {"REDIS_URL": url, "LOG_LEVEL": "debug", "LOG_FORMAT": logs}
    for arguments in (("run", "--json"), ("redis", "cli", "ping")):
        done = program.inside(*arguments, code=1, **environment)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: Redis at rediss://localhost:{secured.port}/0")
        silent(secured, line)
    checked = program.inside("check", "--json", code=1, **environment)
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
