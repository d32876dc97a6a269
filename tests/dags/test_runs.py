"""The DAG run for real: Airflow, Spark and a server, in directories of the test's own."""

import shutil
import signal
from pathlib import Path

import psutil
import pytest

from streaming.store import local_server
from tests import oracle
from tests.dags.conftest import Deployment
from tests.harness import ROOT, Service, row, until

EXAMPLE = "novas_empresas.csv"
DONE = {
    "iniciar_processamento": ["success", 1],
    "verificar_redis": ["success", 1],
    "depositar_arquivo": ["success", 1],
    "processar_e_salvar_features": ["success", 1],
    "conferir_features": ["success", 1],
}
MANY = 20_000  # rows
WAITING = {"SETTLE_SECONDS": "1000", "SETTLE_TIMEOUT": "120"}  # for a file that is still being written


def big() -> str:
    return oracle.text(row(n) for n in range(MANY))


def the_run() -> list[psutil.Process]:
    """Return `city-features run` and all below it, of whatever process of these tests."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[1:4] == ["-m", "streaming", "run"]:
                processes += [process, *process.children(recursive=True)]
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return processes


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def spark_run() -> list[psutil.Process]:
    """Return the run's processes, once Spark's JVM is among them."""
    processes = alive(the_run())
    return processes if any(p.name() == "java" for p in processes) else []


def test_the_example_is_dropped_counted_and_read_back(deployment: Deployment, service: Service) -> None:
    shutil.copy(ROOT / "examples" / EXAMPLE, deployment.source)
    run = deployment.run(EXAMPLE)
    assert (run["state"], run["tasks"]) == ("success", DONE)
    service.holds((ROOT / "examples" / EXAMPLE).read_text())
    accounting = run["xcoms"]["conferir_features.contabilidade"]
    (file,) = accounting.pop("files")
    assert file == {**file, "file": EXAMPLE, "read": 6, "new": 6, "state": "ingested", "reason": None}
    assert accounting == {
        "read": 6,
        "new": 6,
        "duplicates": 0,
        "rejected": 0,
        "version": 1,
        "left": [],
    }
    log = deployment.log.read_text()
    assert "file ingested" in log
    assert "São Paulo/SP" in log
    commit = service.store().position()[1]
    rows = {"read": 6, "new": 6, "duplicates": 0, "rejected": 0}
    news = {"version": 1, "commit": commit, **rows, "files": 1}
    assert run["events"] == [["conferir_features", "city-features", news]]

    # Without anything new there is nothing to tell, and no failure.
    run = deployment.run()
    assert (run["state"], run["tasks"], run["events"]) == ("success", DONE, [])


def test_a_bad_file_fails_the_check_once_and_the_good_ones_count(
    deployment: Deployment, service: Service
) -> None:
    good = service.put("boas.csv", [row(1), row(2)])
    (deployment.source / "ruim.csv").write_text("a,b\n1,2\n")
    run = deployment.run("ruim.csv")
    assert (run["state"], run["events"]) == ("failed", [])
    assert run["tasks"] == {**DONE, "conferir_features": ["failed", 1]}
    service.holds(good)
    lines = [
        line for line in deployment.log.read_text().splitlines() if "not counted: ruim.csv: " in line
    ]
    assert lines, deployment.log.read_text()[-3000:]
    assert "ruim.csv: missing column: cnpj" in lines[0]
    files = run["xcoms"]["conferir_features.contabilidade"]["files"]
    assert [(f["file"], f["state"]) for f in files] == [
        ("boas.csv", "ingested"),
        ("ruim.csv", "rejected"),
    ]


@pytest.mark.long
def test_the_runs_after_a_bad_file_have_nothing_to_do_with_it(
    deployment: Deployment, service: Service
) -> None:
    good = service.put("boas.csv", [row(1), row(2)])
    (deployment.source / "ruim.csv").write_text("a,b\n1,2\n")
    assert deployment.run("ruim.csv")["state"] == "failed"

    # Without a file, a run goes on with what lies there.
    more = service.put("mais.csv", [row(2), row(3)])
    run = deployment.run()
    assert (run["state"], run["tasks"]) == ("success", DONE)
    service.holds(good, more)
    assert run["xcoms"]["conferir_features.contabilidade"]["duplicates"] == 1
    ((_, _, news),) = run["events"]
    assert (news["version"], news["new"]) == (service.store().version(), 1)

    # Dropped again, it is as bad as it was, and a good one adds nothing.
    assert deployment.run("ruim.csv")["tasks"]["conferir_features"] == ["failed", 1]
    shutil.copy(deployment.landing_zone / "boas.csv", deployment.source)
    run = deployment.run("boas.csv")
    assert (run["state"], run["tasks"]) == ("success", DONE)
    accounting = run["xcoms"]["conferir_features.contabilidade"]
    assert (accounting["read"], accounting["new"], accounting["files"]) == (0, 0, [])
    assert "was read before" in deployment.log.read_text()
    service.holds(good, more)


@pytest.mark.parametrize("kind", ["missing", pytest.param("link", marks=pytest.mark.long)])
def test_a_file_that_is_not_there_is_said_at_once_with_those_that_are(
    deployment: Deployment, kind: str
) -> None:
    (deployment.source / "outra.csv").write_text(oracle.text([row(1)]))
    if kind == "link":
        (deployment.source / "novas.csv").symlink_to("/etc/passwd")
    run = deployment.run("novas.csv")
    assert run["state"] == "failed"
    assert run["tasks"]["depositar_arquivo"] == ["failed", 1]
    assert run["tasks"]["processar_e_salvar_features"][0] == "upstream_failed"
    assert "there is no file 'novas.csv'" in deployment.log.read_text()
    assert "outra.csv" in deployment.log.read_text()
    assert not list(deployment.landing_zone.glob("*.csv"))


def test_the_check_is_tried_again_until_redis_is_there(deployment: Deployment, tmp_path: Path) -> None:
    directory = tmp_path / "redis"
    url = local_server.url(directory)
    local_server.stop(directory)
    started = deployment.start("run_dag.py", "{}", REDIS_URL=url)
    until(lambda: "not ready: redis: reachable" in deployment.log.read_text(), 60)
    assert local_server.url(directory) == url
    try:
        run = deployment.result(started)
        state, tries = run["tasks"].pop("verificar_redis")
        assert (run["state"], state) == ("success", "success")
        assert tries >= 2
    finally:
        local_server.stop(directory)


def test_a_run_ends_with_its_task_even_if_that_is_killed(
    deployment: Deployment, service: Service
) -> None:
    content = service.put("grande.csv", big())
    started = deployment.start("run_dag.py", "{}")
    running = until(spark_run, 90, what="Spark")
    started.send_signal(signal.SIGKILL)
    started.wait()
    until(lambda: not alive(running), 15, what="the end of all its processes")
    run = deployment.run()
    assert run["state"] == "success"
    service.holds(content)


def test_a_task_that_is_told_to_stop_stops_its_run(deployment: Deployment, service: Service) -> None:
    content = oracle.text([row(1)])
    (deployment.landing_zone / "sem-fim.csv").write_text(content)
    started = deployment.start("run_operator.py", **WAITING)
    running = until(spark_run, 60, what="Spark")
    started.terminate()
    result = deployment.result(started)
    assert result["raised"] == "AirflowException"
    assert "stopped before the end of the run" in result["message"]
    assert not alive(running)
    service.run()
    service.holds(content)


@pytest.mark.long
def test_a_task_over_its_time_leaves_no_process(deployment: Deployment) -> None:
    (deployment.landing_zone / "sem-fim.csv").write_text(oracle.text([row(1)]))
    started = deployment.start("run_operator.py", "20", **WAITING)
    running = until(spark_run, 60, what="Spark")
    assert deployment.result(started)["raised"] == "AirflowTaskTimeout"
    assert not alive(running)


def test_a_run_that_fails_fails_the_task_with_its_own_words(deployment: Deployment) -> None:
    deployment.landing_zone.rmdir()
    result = deployment.result(deployment.start("run_operator.py"))
    assert result["raised"] == "AirflowException"
    assert "city-features run ended with 1" in result["message"]
    assert "cannot be listed" in result["message"]
