"""The trigger in Airflow's own triggerer: a file that arrives is one event, and stays where it is."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming.settings import Settings
from tests import oracle
from tests.dags.conftest import Deployment, python
from tests.harness import LOADED, row, until

PAUSE = 5.0  # seconds between two looks of the trigger


class Triggerer:
    """Airflow's triggerer over a database of its own, in which the DAG is known; no scheduler."""

    def __init__(self, deployment: Deployment, directory: Path) -> None:
        home = directory / "airflow"
        shutil.copytree(deployment.environment["AIRFLOW_HOME"], home)
        self.environment = {
            **deployment.environment,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "SETTLE_SECONDS": "1000",
        }
        self._database = home / "airflow.db"
        with sqlite3.connect(self._database) as database:
            # Other tests may have left a run that was killed, which counts as running, and their news.
            for table in ("dag_run", "asset_event"):
                database.execute(f"delete from {table}")
        self._log = directory / "triggerer.log"
        self._process: subprocess.Popen[bytes] | None = None
        python("-m", "airflow", "dags", "reserialize", environment=self.environment)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30 * LOADED)
            finally:
                if self._process.poll() is None:
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def events(self) -> list[list[str]]:
        """Return which files each event of the landing zone names, in order."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as database:
            extras = database.execute("select extra from asset_event order by id").fetchall()
        return [json.loads(extra)["payload"]["files"] for (extra,) in extras]

    def fires(self, *events: list[str]) -> None:
        """Wait for as many events; they are these."""
        until(lambda: len(self.events()) >= len(events), 120, what=f"{events} in {self._log}")
        assert self.events() == list(events)

    def is_ready(self) -> bool:
        return b"starting" in self._log.read_bytes()

    def remembers(self) -> bool:
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True) as database:
            return bool(database.execute("select * from asset_state_store").fetchall())

    def queue_a_run(self) -> None:
        """Trigger the DAG: nobody takes the run, as there is no scheduler."""
        python("-m", "airflow", "dags", "trigger", "novas_empresas", environment=self.environment)

    def end_the_run(self) -> None:
        with sqlite3.connect(self._database, timeout=30) as database:
            database.execute("update dag_run set state = 'success'")


@pytest.fixture
def triggerer(deployment: Deployment, tmp_path: Path) -> Iterator[Triggerer]:
    made = Triggerer(deployment, tmp_path)
    yield made
    made.stop()


def arrive(settings: Settings, name: str, number: int) -> Path:
    """Rename a file into the landing zone: it is whole at once."""
    hidden = settings.landing_zone / f".{name}"
    hidden.write_text(oracle.text([row(number)]))
    os.utime(hidden, (number, number))  # or the rename may be in the same tick of the clock
    return hidden.rename(settings.landing_zone / name)


def test_each_file_that_arrives_fires_once_and_stays(triggerer: Triggerer, settings: Settings) -> None:
    (settings.landing_zone / "escrita.csv").write_text("cnpj,data_abertura,cida")  # is being written
    first = arrive(settings, "primeira.csv", 1)
    before = first.stat()
    triggerer.start()
    triggerer.fires(["primeira.csv"])

    # Those that are there still do not fire again.
    arrive(settings, "segunda.csv", 2)
    triggerer.fires(["primeira.csv"], ["segunda.csv"])
    after = first.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert first.read_text() == oracle.text([row(1)])


@pytest.mark.long
def test_what_fired_is_remembered_over_a_restart(triggerer: Triggerer, settings: Settings) -> None:
    arrive(settings, "primeira.csv", 1)
    triggerer.start()
    triggerer.fires(["primeira.csv"])
    until(triggerer.remembers, 30, what="what it remembers")
    triggerer.stop()
    arrive(settings, "segunda.csv", 2)
    triggerer.start()
    triggerer.fires(["primeira.csv"], ["segunda.csv"])


@pytest.mark.long
def test_while_a_run_is_queued_nothing_fires(triggerer: Triggerer, settings: Settings) -> None:
    triggerer.queue_a_run()
    arrive(settings, "primeira.csv", 1)
    triggerer.start()
    until(triggerer.is_ready, 90, what="the trigger")
    time.sleep(3 * PAUSE)  # it would have fired
    assert triggerer.events() == []
    triggerer.end_the_run()
    triggerer.fires(["primeira.csv"])
