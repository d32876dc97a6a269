"""Directories of any name, and directories in the landing zone that may not be read."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.jobs import audit
from streaming.settings import Settings, load
from tests.harness import Program, Service, Zone, row, until

ODD = "Meus Projetos São 100%25 #?[a]{b,c}*'\"$HOME;+\\&`"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a name that has everything in it that URIs, patterns and shells take apart."""
    made = tmp_path / ODD
    for name in ("zone", "checkpoints", "tmp"):
        (made / name).mkdir(parents=True)
    return made


@pytest.fixture
def odd(home: Path, settings: Settings, server_url: str) -> Zone:
    """The landing zone in it, and an empty Redis."""
    places = {
        "landing_zone": home / "zone",
        "checkpoints": home / "checkpoints",
        "quarantine": home / "q",
    }
    return Zone(load(_env_file=None, redis_url=server_url, **places), server_url)


@pytest.fixture
def program(home: Path, odd: Zone, server_url: str) -> Iterator[Program]:
    """The program with all its directories in it."""
    places = {"LANDING_ZONE": "zone", "CHECKPOINTS": "checkpoints", "QUARANTINE": "q", "TMPDIR": "tmp"}
    absolute = {name: str(home / place) for name, place in places.items()}
    made = Program(home, {"REDIS_URL": server_url, "SETTLE_SECONDS": "0.2", **absolute})
    yield made
    made.end()


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Iterator[Zone]:
    """A landing zone with directories below that nobody may look into; all may be removed at the end."""
    made = Zone(settings, server_url)
    for name in ("lost+found", "closed.csv"):
        (settings.landing_zone / name).mkdir(mode=0)
    yield made
    for directory in settings.landing_zone.iterdir():
        if directory.is_dir():
            directory.chmod(0o700)


@pytest.fixture
def powerless(settings: Settings, server_url: str, tmp_path: Path) -> Iterator[Program]:
    """The program without the powers of root."""
    made = Program(tmp_path, {"REDIS_URL": server_url, "SETTLE_SECONDS": "0.2"})
    made.powerless = True
    yield made
    made.end()


def test_all_works_whatever_the_directories_are_called(
    program: Program, odd: Zone, home: Path, spark: SparkSession
) -> None:
    good = odd.put("good.csv", [row(1), row(2)])
    odd.put("bad.csv", [row(3, estado="XX")])

    assert program.json("check")["ok"]
    assert program.json("run", timeout=240)["rejected"] == 1

    odd.holds(good)
    assert sorted(path.name for path in (home / "checkpoints" / "run" / "sources" / "0").iterdir()) == [
        "0"
    ]
    beside = {path.name for path in home.parent.iterdir()}
    assert beside == {ODD, "landing_zone", "checkpoints"}  # no other spelling of it
    assert list((home / "tmp").iterdir()) == []
    [rejected] = program.inside.json("quarantine")["rows"]
    assert rejected["file"] == "bad.csv"
    assert program.inside.json("status")["ingested"] == 2
    assert audit.compare(odd.settings, odd.store(), lambda: spark).differences == []
    program.inside.spark = spark
    program.inside.json("rebuild")
    odd.holds(good)


def test_directories_that_may_not_be_read_do_not_end_a_run(powerless: Program, zone: Zone) -> None:
    counted = zone.put("a.csv", [row(1)])

    done = powerless.json("run", timeout=240)

    zone.holds(counted)
    assert {f["file"]: f["state"] for f in done["files"]} == {
        "a.csv": "ingested",
        "closed.csv": "rejected",
    }


def test_a_directory_that_is_closed_meanwhile_does_not_end_following(
    powerless: Program, settings: Settings, server_url: str
) -> None:
    zone = Zone(settings, server_url)
    below = settings.landing_zone / "below"
    below.mkdir()
    started = powerless.start("run", "--follow")
    first = zone.put("a.csv", [row(1)])
    until(lambda: "a.csv" in zone.records(), 90, what="the first file")

    below.chmod(0)
    second = zone.put("b.csv", [row(2)])
    until(lambda: "b.csv" in zone.records(), what="the second file")
    third = zone.put("c.csv", [row(3)])
    until(lambda: "c.csv" in zone.records(), what="the third file")

    below.chmod(0o700)
    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=300)
    assert started.returncode == 0, errors
    assert "Spark cannot look" not in errors  # it is not asked to
    zone.holds(first, second, third)


def test_names_that_are_not_utf8_are_looked_into_without_spark(
    settings: Settings, server_url: str, tmp_path: Path, spark: SparkSession
) -> None:
    place = tmp_path / os.fsdecode(b"S\xe3o")
    (place / "zone").mkdir(parents=True)
    odd = settings.model_copy(
        update={"landing_zone": place / "zone", "checkpoints": place / "checkpoints"}
    )
    service = Service(spark, odd, server_url)
    content = service.put("a.csv", [row(1)])
    service.put("b.csv", [row(2, estado="XX")])

    service.run()

    service.holds(content)
    assert audit.compare(odd, service.store(), lambda: spark).differences == []
