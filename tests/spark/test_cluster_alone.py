"""On a cluster whose workers share no disk with the driver: a bucket, and a package that is shipped."""

import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streaming.landing import copies
from streaming.settings import Settings
from tests import oracle
from tests.harness import HANG, ROOT, Program, Zone, row, until
from tests.object_store import ObjectStore
from tests.spark.rows import FIRSTS, REPEATED, ROWS, companies
from tests.spark.standalone import FAST, HOST, WORKERS, Cluster, running
from tests.store_proxy import Fault, StoreProxy

pytestmark = [
    pytest.mark.long,
    pytest.mark.mount,
    pytest.mark.parametrize("zone_kind", ["bucket"], indirect=True),
]

REJECTED = [row(1, estado="XX"), row(2, "muito")]
FILES = ("a.csv", "b.csv")
CODE = ROOT / "streaming"
DEFAULTS = f"""
spark.archives                                       package.tar.gz#service
spark.executorEnv.PYTHONPATH                         ./service
spark.executor.memory                                600m
spark.executor.extraJavaOptions                      {FAST}
spark.cores.max                                      {WORKERS}
spark.scheduler.minRegisteredResourcesRatio          1.0
spark.scheduler.maxRegisteredResourcesWaitingTime    {HANG:.0f}s
"""
"""The last three: both workers get a task, also on a slow machine."""


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone, in a bucket, and the Redis of the program."""
    return Zone(settings, server_url)


@pytest.fixture
def cluster(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, object_store: ObjectStore
) -> Iterator[Cluster]:
    """Two workers that see neither the code nor a directory of the driver, and have the credentials."""
    hidden = [tmp_path, CODE]
    with running(tmp_path_factory.mktemp("cluster"), hidden, object_store.environment) as made:
        yield made


@pytest.fixture
def driver(program: Program, cluster: Cluster, tmp_path: Path) -> Program:
    """The program as a driver that ships its package, with temporary files in its own directory."""
    with tarfile.open(tmp_path / "package.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(CODE, "streaming", filter=lambda file: None if "__pycache__" in file.name else file)
    (tmp_path / "spark-defaults.conf").write_text(DEFAULTS)
    (tmp_path / "tmp").mkdir()
    program.environment |= {
        "ARCHIVE": "on",
        "SPARK_CONF_DIR": str(tmp_path),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_MASTER": cluster.url,
        "TMPDIR": str(tmp_path / "tmp"),
    }
    return program


def put(zone: Zone) -> list[str]:
    """Put two files with rejected rows among theirs; return what of them counts."""
    rejected = oracle.text(REJECTED).partition("\n")[2]
    counting = [oracle.text(companies(first)) for first in FIRSTS]
    for name, content in zip(FILES, counting, strict=True):
        zone.put(name, content + rejected)
    return counting


def check(zone: Zone, driver: Program, counting: list[str], summary: dict[str, Any]) -> None:
    """Assert that everything counts once, and that the driver sees the quarantine and the archive."""
    zone.holds(*counting)
    counted = {key: summary[key] for key in ("read", "new", "duplicates", "rejected")}
    new = 2 * ROWS - REPEATED
    assert counted == {"read": 2 * ROWS + 4, "new": new, "duplicates": REPEATED, "rejected": 4}
    archived = sorted(zone.records())
    assert [copy and copy.original for copy in map(copies.parse, archived)] == list(FILES)
    assert zone.landed.paths() == [*archived, *(f"_quarantine/{path}.jsonl" for path in archived)]
    rows = driver.json("quarantine")["rows"]
    rejected = [(path, ",".join(line)) for path in archived for line in REJECTED]
    assert sorted((row["file"], row["raw"]) for row in rows) == rejected


def test_workers_that_share_no_disk_with_the_driver_count_to_the_cent(
    driver: Program, zone: Zone, cluster: Cluster, tmp_path: Path
) -> None:
    counting = put(zone)

    summary = driver.json("run")

    check(zone, driver, counting, summary)
    [application] = until(lambda: cluster.state()["completedapps"], what="the end, for the master")
    assert cluster.executors() == [{application["id"]}] * WORKERS
    for worker in range(WORKERS):
        assert cluster.seen(worker, tmp_path) | cluster.seen(worker, CODE) == set()


def test_a_worker_killed_while_it_reads_changes_nothing(
    driver: Program, zone: Zone, cluster: Cluster, object_store: ObjectStore
) -> None:
    proxy, gate = StoreProxy(object_store.endpoint), threading.Event()

    def read() -> set[str]:
        """Return which of the files are being read."""
        gets = {request.rpartition("/")[2] for request in proxy.requests if request.startswith("GET")}
        return gets.intersection(FILES)

    def held() -> None:
        """Let all requests wait from the first read of a file on, until the gate opens."""
        assert not read() or gate.wait(HANG)

    proxy.add(Fault("GET", 10**6, act=held))
    counting = put(zone)
    try:
        started = driver.start("run", "--json", LANDING_ZONE_ENDPOINT=proxy.endpoint)
        until(lambda: started.poll() is not None or read() == set(FILES), HANG, what="two reads")
        cluster.kill(0)
        until(lambda: cluster.state()["aliveworkers"] == WORKERS - 1, HANG, what="the loss")
        gate.set()
        out, err = started.communicate(timeout=HANG)
    finally:
        gate.set()
        proxy.close()

    assert started.returncode == 0, (out, err)
    check(zone, driver, counting, json.loads(out))
    assert sum(request.startswith("GET") and request.endswith(FILES) for request in proxy.requests) >= 3
