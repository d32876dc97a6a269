"""On a Spark standalone cluster, a master and two workers as processes: the same, to the cent."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming.settings import Settings
from tests.harness import ROOT, Program, Zone, row, until
from tests.spark.rows import FIRSTS, REPEATED, ROWS, companies
from tests.spark.standalone import FAST, HOST, WORKERS, Cluster, free_port, running

EXAMPLE = ROOT / "examples" / "novas_empresas.csv"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    with running(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone and the Redis of the program."""
    return Zone(settings, server_url)


@pytest.mark.long
def test_executors_on_both_workers_count_to_the_cent_as_spark_defaults_say(
    program: Program, zone: Zone, cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        f"spark.executor.memory 600m\nspark.executor.extraJavaOptions {FAST}\n"
    )
    files = [
        zone.put("novas_empresas.csv", EXAMPLE.read_bytes()),
        *(
            zone.put(name, companies(first))
            for name, first in zip(("a.csv", "b.csv"), FIRSTS, strict=True)
        ),
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

    result = program("run", "--json", code=1, timeout=30, SPARK_MASTER=f"spark://{HOST}:{free_port()}")

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
