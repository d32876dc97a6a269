"""Sessions that follow one another in one process."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming.settings import Settings
from tests.harness import Program

NOTHING = {
    "temporary": [],
    "import path": [],
    "SPARK_LOCAL_DIRS": None,
    "logs of others": True,
    "handlers of the root logger": 0,
    "Ctrl-C": True,
}


@pytest.fixture
def sessions(settings: Settings, server_url: str, tmp_path: Path) -> Iterator[Program]:
    """A process that starts and stops Spark as often as its argument says, and once more."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    directories = {
        "LANDING_ZONE": str(settings.landing_zone),
        "CHECKPOINTS": str(settings.checkpoints),
    }
    made = Program(
        tmp_path,
        {"REDIS_URL": server_url, "SETTLE_SECONDS": "0", "TMPDIR": str(temporary), **directories},
    )
    made.command = [sys.executable, "-m", "tests.spark.sessions"]
    yield made
    made.end()


def test_a_process_starts_spark_again_and_nothing_is_left_of_the_last(sessions: Program) -> None:
    done = sessions("2", timeout=400)

    document = json.loads(done.stdout)
    states = [document["killed"], *document["ingested"]]
    assert len({state.pop("descriptors") for state in states}) == 1  # each is closed
    assert document == {
        "ingested": [{"new": [[f"{n}.csv", 1]], **NOTHING} for n in range(2)],
        "sum": 45,
        "own Ctrl-C": True,
        "killed": NOTHING,
    }
    assert "Traceback" not in done.stderr
    assert "Exception while sending command" not in done.stderr
