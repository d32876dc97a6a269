"""
Airflow as it is, in processes of its own: its home, its database, the DAG parsed, the DAG run.

Airflow takes hold of the logs of the process that imports it, so the tests' own does not.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streaming.settings import Settings
from tests.harness import ROOT

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow with an empty database."""
    home = tmp_path_factory.mktemp("airflow")
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "PYTHONPATH": str(ROOT),
    }
    python("-m", "airflow", "db", "migrate", environment=environment)
    return environment


def python(*arguments: str, environment: dict[str, str], timeout: float = 200) -> str:
    """Run Python to its end, and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


class Deployment:
    """An Airflow, a service and a directory of incoming files, and the DAG's runs there."""

    def __init__(self, airflow: dict[str, str], settings: Settings, directory: Path) -> None:
        self.source = directory / "source"
        self.source.mkdir()
        self.landing_zone = settings.landing_zone
        self.log = directory / "run.log"
        self._result = directory / "result.json"
        assert settings.redis_url is not None
        self.environment = {
            **airflow,
            "LANDING_ZONE": str(settings.landing_zone),
            "CHECKPOINTS": str(settings.checkpoints),
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "SOURCE_DIR": str(self.source),
            "SETTLE_SECONDS": "0.2",
            "SPARK_MASTER": "local[2]",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, script: str, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a script of this directory; its output goes to `log`, its result to `result`."""
        self._result.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            started = subprocess.Popen(
                [sys.executable, str(HERE / script), str(self._result), *arguments],
                env={**self.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(started)
        return started

    def result(self, started: "subprocess.Popen[bytes]", timeout: float = 200) -> Any:
        """Wait for the end of what was started, and return its result."""
        code = started.wait(timeout)
        assert code == 0, self.log.read_text()[-5000:]
        return json.loads(self._result.read_text())

    def run(self, arquivo_csv: str | None = None, **environment: str) -> Any:
        """Run the DAG: the run's state, its tasks' states and tries, its XComs."""
        conf = {} if arquivo_csv is None else {"arquivo_csv": arquivo_csv}
        return self.result(self.start("run_dag.py", json.dumps(conf), **environment))

    def end(self) -> None:
        """Kill what still runs of what was started here."""
        for started in self._started:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()


@pytest.fixture
def deployment(airflow: dict[str, str], settings: Settings, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment with empty directories and an empty Redis."""
    made = Deployment(airflow, settings, tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="session")
def parsed(airflow: dict[str, str]) -> Callable[[list[object]], Any]:
    """A function that parses the DAG, and tries values of `arquivo_csv`."""

    def parse(values: list[object]) -> Any:
        output = python(str(HERE / "parse_dag.py"), json.dumps(values), environment=airflow)
        return json.loads(output.splitlines()[-1])

    return parse
