"""On a Spark standalone cluster, a master and two workers as processes: the same, to the cent."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyspark
import pytest

from streaming.settings import Settings
from tests import oracle
from tests.harness import ROOT, Program, Zone, row, session_of, until

HOST = "127.0.0.1"
WORKERS = 2
ROWS = 50_000  # of each of two files
REPEATED = 1_000  # of them in both files
EXAMPLE = ROOT / "examples" / "novas_empresas.csv"
PLACES = [("São Paulo", "SP"), ("Natal", "RN"), ("Bom Jesus", "PI"), ("Bom Jesus", "RS")]
SPARK = Path(pyspark.__file__).parent
FAST = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # they start, and do next to nothing

# As `Program` has it: PySpark adds to that of the tests what would make these processes its own.
KEPT = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}


class Cluster:
    """A master and its workers, each a process of its own on loopback."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port, self._page = _free(), _free()
        self.url = f"spark://{HOST}:{self._port}"

    def start(self) -> None:
        """Start all, and wait until the master knows every worker."""
        self._start("master", "--port", str(self._port), "--webui-port", str(self._page))
        until(lambda: self.state()["status"] == "ALIVE", 60, what="the master")
        for number in range(WORKERS):
            work = str(self._work(number))
            of_one = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", work]
            self._start("worker", *of_one, self.url)
        until(lambda: self.state()["aliveworkers"] == WORKERS, 60, what="all workers")

    def state(self) -> dict[str, Any]:
        """Return what the master tells of itself; of none, that it is not there."""
        connection = http.client.HTTPConnection(HOST, self._page, timeout=10)
        try:
            connection.request("GET", "/json/")
            state: dict[str, Any] = json.loads(connection.getresponse().read())
            return state
        except (OSError, http.client.HTTPException, ValueError):  # the page comes before its JSON
            for process in self._processes:
                assert process.poll() is None, self.log()
            return {"status": "none", "aliveworkers": 0}
        finally:
            connection.close()

    def executors(self) -> list[set[str]]:
        """Return for each worker the applications that it ran an executor of."""
        return [
            {log.parents[1].name for log in self._work(number).glob("app-*/*/stderr")}
            for number in range(WORKERS)
        ]

    def log(self) -> str:
        """Return what the processes said."""
        return "\n".join(path.read_text(errors="replace") for path in self._directory.glob("*.log"))

    def end(self) -> None:
        """End all: the workers end their executors; what is left of any is killed."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in session_of(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _work(self, number: int) -> Path:
        return self._directory / f"work-{number}"

    def _start(self, what: str, *arguments: str) -> None:
        name = f"{what}-{len(self._processes)}"
        local = self._directory / f"local-{name}"
        local.mkdir()
        places = {"SPARK_HOME": SPARK, "SPARK_LOCAL_DIRS": local, "TMPDIR": local}
        utf8 = {"LC_ALL": "C.UTF-8"}  # or Java finds no classes below a path with an accent
        java = (
            f"{FAST} -Dspark.master.rest.enabled=false"  # that would be one more port, and a fixed one
        )
        bounds = {
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": java,
        }
        with (self._directory / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(
                [
                    SPARK / "bin" / "spark-class",
                    f"org.apache.spark.deploy.{what}.{what.capitalize()}",
                    *("--host", HOST, *arguments),
                ],
                cwd=self._directory,
                env={**KEPT, **utf8, **bounds, **{key: str(place) for key, place in places.items()}},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(started)


def _free() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.end()


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone and the Redis of the program."""
    return Zone(settings, server_url)


def companies(first: int) -> list[oracle.Row]:
    """Return a file's rows: companies from this number on, all over the places."""
    numbers = range(first, first + ROWS)
    return [row(n, f"{n * 7919 % 10**9 / 100:.2f}", *PLACES[n % len(PLACES)]) for n in numbers]


@pytest.mark.long
def test_executors_on_both_workers_count_to_the_cent_as_spark_defaults_say(
    program: Program, zone: Zone, cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        f"spark.executor.memory 600m\nspark.executor.extraJavaOptions {FAST}\n"
    )
    files = [
        zone.put("novas_empresas.csv", EXAMPLE.read_bytes()),
        zone.put("a.csv", companies(20_000_000)),
        zone.put("b.csv", companies(20_000_000 + ROWS - REPEATED)),
    ]
    zone.put("c.csv", [row(1, estado="XX")])

    summary = program.json(
        "run", timeout=180, SPARK_MASTER=cluster.url, SPARK_LOCAL_IP=HOST, SPARK_CONF_DIR=str(tmp_path)
    )

    zone.holds(*files)
    counted = {key: summary[key] for key in ("read", "new", "duplicates", "rejected")}
    new = 6 + 2 * ROWS - REPEATED
    assert counted == {"read": 7 + 2 * ROWS, "new": new, "duplicates": REPEATED, "rejected": 1}
    assert len((zone.settings.quarantine_dir / "c.csv.jsonl").read_text().splitlines()) == 1
    [application] = until(lambda: cluster.state()["completedapps"], what="the end, for the master")
    assert cluster.executors() == [{application["id"]}] * WORKERS
    assert (application["cores"], application["memoryperexecutor"]) == (WORKERS, 600)


def test_masters_that_are_not_there_are_told_in_one_line_at_once(program: Program, zone: Zone) -> None:
    zone.put("a.csv", [row(1)])

    result = program("run", "--json", code=1, timeout=30, SPARK_MASTER=f"spark://{HOST}:{_free()}")

    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: no Spark master answers at spark://{HOST}:")
    assert result.stdout == ""


@pytest.mark.long
def test_a_quarantine_that_stays_on_a_worker_is_said_in_one_line(
    program: Program, zone: Zone, cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text(f"spark.executor.extraJavaOptions {FAST}\n")
    zone.put("c.csv", [row(1, estado="XX")])

    result = program(
        "run",
        timeout=180,
        SPARK_MASTER=cluster.url,
        SPARK_LOCAL_IP=HOST,
        SPARK_CONF_DIR=str(tmp_path),
        QUARANTINE="/proc/self/cwd/quarantine",  # of whatever process: one path, two directories
    )

    zone.holds()
    [line] = [line for line in result.stderr.splitlines() if "rejected rows stayed on a worker" in line]
    assert "QUARANTINE" in line and "c.csv" in line


@pytest.mark.long
def test_no_worker_with_the_memory_asked_for_is_said_in_one_line(
    program: Program, zone: Zone, cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.executor.memory 900g\n")
    zone.put("a.csv", [row(1)])
    soon = (
        "from streaming.app import cli; from streaming.spark import cluster; "
        "cluster.PATIENCE = 0.5; cli.main()"
    )
    program.command = [sys.executable, "-c", soon]
    where = {"SPARK_MASTER": cluster.url, "SPARK_LOCAL_IP": HOST, "SPARK_CONF_DIR": str(tmp_path)}
    started = program.start("run", **where)
    assert started.stderr is not None

    line = next(line for line in started.stderr if "no worker has the memory" in line)

    assert "memory=900g" in line
    program.kill(started)
