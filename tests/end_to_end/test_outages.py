"""An always-on service waits for what is away, goes on by itself, and ends only when told to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from pyspark.sql import SparkSession
from structlog.testing import capture_logs

from streaming.errors import EnvironmentRefused, LandingZoneAway, RedisUnavailable
from streaming.pipeline import outage
from streaming.pipeline.outage import Outage
from streaming.settings import Settings
from streaming.store import local_server
from streaming.store.store import Store
from tests.harness import Program, Service, following, row, until


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A server that a test may stop: its directory and its URL."""
    directory = tmp_path / "redis"
    yield directory, local_server.url(directory)
    local_server.stop(directory)


def waits(logs: list[structlog.typing.EventDict]) -> list[str]:
    return [entry["why"] for entry in logs if entry["event"] == "waiting, then trying again"]


def test_following_outlives_redis_the_landing_zone_and_the_checkpoint(
    spark: SparkSession, settings: Settings, other: tuple[Path, str], tmp_path: Path
) -> None:
    directory, url = other
    changed = {"reconcile_seconds": 0.5, "redis_url": SecretStr(url)}
    settings = settings.model_copy(update=changed)
    service = Service(spark, settings, url)
    store = Store(url, settings, retries=1)
    contents = [service.put("0.csv", [row(0)])]

    def counted(name: str) -> None:
        until(lambda: name in service.records(), 60, what=name)

    with capture_logs() as logs, following(spark, settings, store):
        counted("0.csv")

        local_server.stop(directory)
        contents.append(service.put("1.csv", [row(1)]))
        until(lambda: "does not answer" in "".join(waits(logs)), what="the wait for Redis")
        assert local_server.url(directory) == url
        counted("1.csv")

        settings.landing_zone.rename(tmp_path / "away")
        until(lambda: "cannot be listed" in "".join(waits(logs)), what="the wait for the landing zone")
        (tmp_path / "away").rename(settings.landing_zone)
        contents.append(service.put("2.csv", [row(2)]))
        counted("2.csv")

        (settings.checkpoints / "follow" / "metadata").write_text("broken")
        contents.append(service.put("3.csv", [row(3)]))
        counted("3.csv")

    assert len([entry for entry in logs if entry["event"] == "following"]) == 1
    service.holds(*contents)


def test_following_starts_before_redis_and_ends_when_told_to(
    program: Program, settings: Settings, tmp_path: Path
) -> None:
    started = program.start("run", "--follow", "--json", REDIS_URL="redis://127.0.0.1:1/0")
    assert started.stderr is not None
    assert "waiting, then trying again" in started.stderr.readline()

    started.terminate()
    assert started.wait(30) == 0
    assert '"version": null' in started.communicate()[0]


def test_what_does_not_pass_by_itself_is_no_outage() -> None:
    assert outage.is_outage(RedisUnavailable())
    assert outage.is_outage(LandingZoneAway())
    assert not outage.is_outage(EnvironmentRefused())


def test_pauses_grow_and_it_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    pauses: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now
            assert timeout is not None
            pauses.append(timeout)
            now += timeout
            return False

    monkeypatch.setattr(outage.time, "monotonic", lambda: now)
    away = Outage(Stop())

    with capture_logs() as logs:
        while now < 1300:
            away.wait(RedisUnavailable("Redis does not answer"))
        away.over()

    assert pauses[:8] == [0.5, 1, 2, 4, 8, 15, 15, 15]
    messages = [(entry["event"], entry.get("seconds", entry.get("after_seconds"))) for entry in logs]
    assert len(messages) == 6, messages
    assert messages[0] == ("waiting, then trying again", 0)
    assert messages[-1] == ("going on", round(now - 1000))


def test_an_outage_long_after_another_begins_with_a_short_pause_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0, 100, 101, 102, 103, 1000])
    pauses: list[float | None] = []
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", pauses.append)
    monkeypatch.setattr(outage.time, "monotonic", lambda: next(clock))
    away = Outage(stop)

    for works in (False, True, False, True, False):
        away.over() if works else away.wait(RedisUnavailable("Redis does not answer"))

    assert pauses == [0.5, 1, 0.5]
