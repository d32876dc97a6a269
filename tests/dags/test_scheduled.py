"""All of Airflow: a file arrives, the DAG runs by itself, and a DAG scheduled on its news runs."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dags.conftest import Deployment, python
from tests.harness import ROOT, Service, row, until

CONSUMER = """
from airflow.sdk import Asset, dag, task

FEATURES = Asset("city-features", "city-features://service/features")


@dag(schedule=[FEATURES], is_paused_upon_creation=False)
def relatorio():
    @task
    def ler(triggering_asset_events=None):
        extra = triggering_asset_events[FEATURES][-1].extra
        assert (extra["version"], extra["new"], extra["files"]) == (1, 2, 1), extra

    ler()


relatorio()
"""


class Airflow:
    """API server, scheduler and triggerer, over a database of their own and a second DAG."""

    def __init__(self, deployment: Deployment, directory: Path) -> None:
        home, dags = directory / "airflow", directory / "dags"
        shutil.copytree(deployment.environment["AIRFLOW_HOME"], home)
        shutil.copytree(ROOT / "dags", dags)
        (dags / "relatorio.py").write_text(CONSUMER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._database = home / "airflow.db"
        self._environment = {
            **deployment.environment,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "AIRFLOW__API_AUTH__JWT_SECRET": "only for this test, and as long as it has to be " * 2,
        }
        self._directory = directory
        self._started: list[subprocess.Popen[bytes]] = []
        python("-m", "airflow", "dags", "reserialize", environment=self._environment)
        # It would run the hour that has begun, and take the file.
        self._change("update dag set next_dagrun_create_after = '2100-01-01 00:00:00'")
        for service in (
            ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            ["scheduler", "--skip-serve-logs"],
            ["triggerer", "--skip-serve-logs"],
        ):
            with (directory / f"{service[0]}.log").open("wb") as log:
                self._started.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "airflow", *service],
                        env=self._environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )

    def runs(self) -> list[tuple[str, str, str]]:
        """Return DAG, kind and state of each run, in order."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as database:
            return database.execute("select dag_id, run_type, state from dag_run order by id").fetchall()

    def _change(self, statement: str) -> None:
        with sqlite3.connect(self._database) as database:
            database.execute(statement)

    def stop(self) -> None:
        for started in self._started:
            started.send_signal(signal.SIGTERM)
        for started in self._started:
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()


@pytest.fixture
def all_of_airflow(deployment: Deployment, tmp_path: Path) -> Iterator[Airflow]:
    made = Airflow(deployment, tmp_path)
    yield made
    made.stop()


@pytest.mark.long
def test_a_file_that_arrives_is_counted_and_told(all_of_airflow: Airflow, service: Service) -> None:
    content = service.put("chegou.csv", [row(1), row(2)])
    expected = [
        ("novas_empresas", "asset_triggered", "success"),
        ("relatorio", "asset_triggered", "success"),
    ]
    until(lambda: all_of_airflow.runs() == expected, 300, what=f"{expected} of these")
    service.holds(content)
    assert (service.settings.landing_zone / "chegou.csv").read_text() == content
