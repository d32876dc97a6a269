"""`check` on a machine with something missing: each problem is named, with its mend, in one line."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from streaming.domain.results import Check
from streaming.jobs import checks
from streaming.settings import Settings, load
from streaming.store import health, local_server
from streaming.store.store import Store
from tests.harness import Program

MB = 2**20


def failed(program: Program, **environment: str) -> dict[str, str]:
    """Return the checks that failed, by name; each is one line."""
    document = program.json("check", code=1, **environment)
    wrong = {c["name"]: c["detail"] for c in document["checks"] if not c["ok"]}
    assert all(len(detail.splitlines()) == 1 for detail in wrong.values()), wrong
    return wrong


@pytest.fixture
def config(store: Store) -> Iterator[Callable[[str, str], None]]:
    """Set a setting of the real server, and set it back at the end."""
    before: dict[str, str] = {}

    def change(name: str, value: str) -> None:
        before.setdefault(name, store.client.config_get(name)[name])
        store.client.config_set(name, value)

    yield change
    for name, value in before.items():
        store.client.config_set(name, value)


def redis_check(settings: Settings, name: str) -> Check:
    (check,) = [c for c in checks.run(settings) if c.name == name]
    return check


def test_without_java_check_says_what_to_install(program: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wrong = failed(program, PATH=str(tmp_path / "empty"))
    assert wrong["java"].startswith("Java is missing; install Java 17 or newer")
    assert "apt-get install openjdk-17-jre-headless" in wrong["java"]


def test_directories_that_may_only_be_read_are_named(program: Program, settings: Settings) -> None:
    program.powerless = True
    for directory in (settings.landing_zone, settings.checkpoints):
        directory.chmod(0o555)
    try:
        wrong = failed(program)
    finally:
        for directory in (settings.landing_zone, settings.checkpoints):
            directory.chmod(0o755)
    denied = "cannot be written: Permission denied; make it writable or set"
    assert wrong == {
        "landing zone": f"landing_zone {denied} LANDING_ZONE",
        "checkpoints": f"checkpoints {denied} CHECKPOINTS",
        "quarantine": f"landing_zone/_quarantine {denied} QUARANTINE",
    }


def test_directories_that_a_run_makes_are_no_problem(program: Program) -> None:
    places = {"CHECKPOINTS": "not/yet/here", "QUARANTINE": "nor/here"}
    checked = {c["name"]: c for c in program.json("check", **places)["checks"]}

    details = [checked[name]["detail"] for name in ("checkpoints", "quarantine")]
    assert details == [str(program.directory / place) for place in places.values()]


class Page(BaseHTTPRequestHandler):
    """Another service than Redis."""

    def log_message(self, *_: object) -> None:
        pass


def test_a_port_with_another_program_than_redis_is_named(program: Program) -> None:
    other = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        wrong = failed(program, REDIS_URL=f"redis://127.0.0.1:{other.server_port}/0")
    finally:
        other.shutdown()
        other.server_close()
    assert wrong == {
        "redis: reachable": f"Redis at redis://127.0.0.1:{other.server_port}/0 does not answer "
        "(ConnectionError); start it or correct REDIS_URL (rediss:// with TLS, redis:// without), "
        "then run again: nothing was lost"
    }


def test_the_server_of_its_own_takes_another_port_if_its_port_is_taken(tmp_path: Path) -> None:
    directory = tmp_path / "redis"
    directory.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (directory / "port").write_text(str(port))
        settings = load(_env_file=None, redis_dir=directory)
        try:
            assert redis_check(settings, "redis: reachable").ok
            assert (directory / "port").read_text() != str(port)
        finally:
            local_server.stop(directory)


def test_a_redis_without_aof_is_told_how_to_keep_commits(
    settings: Settings, config: Callable[[str, str], None]
) -> None:
    config("appendfsync", "everysec")
    assert redis_check(settings, "redis: AOF") == Check(
        "redis: AOF",
        False,
        "appendonly yes, appendfsync everysec; "
        "set appendonly yes and appendfsync always, or a power cut loses commits",
    )


def test_a_redis_that_evicts_is_told_how_not_to(
    settings: Settings, config: Callable[[str, str], None]
) -> None:
    config("maxmemory-policy", "allkeys-lru")
    assert redis_check(settings, "redis: noeviction") == Check(
        "redis: noeviction",
        False,
        "allkeys-lru; set maxmemory-policy noeviction, or features vanish under pressure",
    )


def test_a_redis_with_too_little_memory_is_told_to_have_more(
    settings: Settings, store: Store, config: Callable[[str, str], None]
) -> None:
    assert redis_check(settings, "redis: memory").ok
    used = store.client.info("memory")["used_memory"]
    config("maxmemory", str(used + 20 * MB))
    check = redis_check(settings, "redis: memory")
    assert not check.ok
    assert check.detail.endswith(" used; raise maxmemory, or the next commits are refused")
    config("maxmemory", str(used + 100 * MB))
    assert redis_check(settings, "redis: memory").ok


def test_a_redis_bound_above_its_machine_is_told_to_lower_it(
    settings: Settings, store: Store, config: Callable[[str, str], None]
) -> None:
    machine = store.client.info("memory")["total_system_memory"]
    config("maxmemory", str(2 * machine))
    check = redis_check(settings, "redis: memory")
    assert not check.ok
    assert check.detail.endswith("lower maxmemory, or Redis is killed before it is full")


@pytest.mark.parametrize(
    ("info", "ok", "detail"),
    [
        ({"used_memory": 95 * MB, "maxmemory": 100 * MB}, False, "raise maxmemory"),
        ({"used_memory": 950 * MB, "maxmemory": 1000 * MB}, False, "raise maxmemory"),
        ({"used_memory": 899 * MB, "maxmemory": 1000 * MB}, True, "899 MB of 1000 MB used"),
        ({"used_memory": 950 * MB, "total_system_memory": 1000 * MB}, False, "give its machine more"),
        ({"used_memory": 950 * MB}, True, "950 MB used"),
    ],
)
def test_memory_is_held_against_its_bound_or_the_machine(
    info: dict[str, int], ok: bool, detail: str
) -> None:
    result = health.memory(info)
    assert (result[0], detail in result[1]) == (ok, True), result


def test_a_clock_that_is_off_is_told_by_how_much(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert redis_check(settings, "redis: clock").ok
    now = time.time
    monkeypatch.setattr("streaming.store.health.time.time", lambda: now() - 3600)
    check = redis_check(settings, "redis: clock")
    assert not check.ok
    assert check.detail.startswith("the clock of this machine is 3600.0 s behind that of Redis; ")
    assert "synchronize both (timedatectl set-ntp true)" in check.detail


@pytest.mark.parametrize(("seconds", "ok"), [(-5.0, True), (-5.1, False), (5.0, True), (5.1, False)])
def test_clocks_may_be_five_seconds_apart(seconds: float, ok: bool) -> None:
    assert health.apart(seconds)[0] is ok


def test_some_problems_do_not_keep_a_run_from_counting() -> None:
    names = ("java", "archive", "redis: memory", "redis: clock", "landing zone")
    results = [Check(name, name == "java", "") for name in names]

    assert [check.name for check in checks.blocking(results)] == ["landing zone"]
