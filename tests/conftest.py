"""Fixtures for all tests: settings in a directory of their own, one Spark, one real server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pyspark.sql import SparkSession

from streaming.settings import Settings, load
from streaming.spark import session
from streaming.store import local_server
from streaming.store.store import Store

for helpers in (
    "harness",
    "chaos",
    "reading.files",
    "reading.rules",
    "jobs.rebuilding",
    "pipeline.summaries",
    "panel.browsing",
):
    pytest.register_assert_rewrite(f"tests.{helpers}")

from tests import examples  # noqa: F401 - registers the profile of make check
from tests.chaos.disk import may_mount
from tests.harness import Program, Service
from tests.object_store import ENVIRONMENT, ObjectStore, running
from tests.proxy import Proxy

HERE = Path(__file__).parent
SPARK, REDIS, AIRFLOW, BROWSER = "spark", "redis", "airflow", "browser"
FOLDERS = {"spark": SPARK, "store": REDIS, "dags": AIRFLOW}
FIXTURES = {
    "spark": SPARK,
    "program": SPARK,
    "ran": SPARK,
    "hosts": SPARK,
    "server_url": REDIS,
    "airflow": AIRFLOW,
    "browser": BROWSER,
    "object_store": "slow",
}
LONGEST = (
    *(
        "dags/test_runs.py",
        "end_to_end/test_chaos.py",
        "spark/test_start.py",
        "end_to_end/test_readme.py",
    ),
    *("end_to_end/test_isolation.py", "app/test_cli_runs.py", "end_to_end/test_corpus.py"),
)
"""Modules of more than a minute of CPU: begun last, one would be all that the last worker has left."""

for name in list(os.environ):
    if name.lower() in Settings.model_fields:
        del os.environ[name]


os.environ |= ENVIRONMENT  # Spark's workers have that of the moment when Spark starts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with what its folder and fixtures need; the longest first, then those of Spark."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        needs = {FIXTURES[name] for name in fixtures if name in FIXTURES}
        needs |= {FOLDERS[part] for part in item.path.relative_to(HERE).parts if part in FOLDERS}
        for need in sorted(needs):
            item.add_marker(need)
    ranks = {HERE / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: item.get_closest_marker(SPARK) is None)
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(autouse=True)
def mountable(request: pytest.FixtureRequest) -> None:
    """Fail, and say what to do, where a test mounts file systems and nobody here may."""
    if request.node.get_closest_marker("mount") and not may_mount():
        pytest.fail(
            "this test mounts a file system, which takes root, or sudo without a password; "
            """to do without: make test ARGS='-m "not long and not mount"'"""
        )


@pytest.fixture(autouse=True)
def logs_to_stderr_of_now() -> Iterator[None]:
    """Forget where a command that ran in this process wrote its log: its stderr may be closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One Spark for all tests of a worker."""
    started = session.start(load(spark_master="local[2]"))
    yield started
    session.stop(started)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, the way the service starts its own; stopped at the end."""
    directory = tmp_path_factory.mktemp("redis")
    yield local_server.url(directory)
    local_server.stop(directory)


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """A real object store."""
    with running() as started:
        yield started


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of modules that are marked so with both kinds of landing zone."""
    one = metafunc.definition
    if one.get_closest_marker("both_zones") and not one.get_closest_marker("directory_only"):
        metafunc.parametrize("zone_kind", ["directory", "bucket"], indirect=True)


@pytest.fixture
def zone_kind(request: pytest.FixtureRequest) -> str:
    """What the landing zone is: a directory, or a bucket."""
    return getattr(request, "param", "directory")


@pytest.fixture
def settings(
    tmp_path: Path, server_url: str, zone_kind: str, request: pytest.FixtureRequest
) -> Settings:
    """Settings of a service that has its own directories, or a bucket, and an empty Redis."""
    for directory in ("landing_zone", "checkpoints"):
        (tmp_path / directory).mkdir()
    landing_zone: Path | str = tmp_path / "landing_zone"
    endpoint = None
    if zone_kind == "bucket":
        object_store: ObjectStore = request.getfixturevalue("object_store")
        landing_zone, endpoint = f"s3://{object_store.bucket()}/zona norte", object_store.endpoint
    configured = load(
        _env_file=None,
        redis_url=server_url,
        landing_zone=landing_zone,
        landing_zone_endpoint=endpoint,
        checkpoints=tmp_path / "checkpoints",
        settle_seconds=0.2,
        settle_timeout=10,
        spark_master="local[2]",
    )
    Store(server_url, configured).client.flushall()
    return configured


@pytest.fixture
def store(settings: Settings, server_url: str) -> Store:
    """The store of these settings, empty."""
    return Store(server_url, settings)


@pytest.fixture
def service(spark: SparkSession, settings: Settings, server_url: str) -> Service:
    """A service with an empty landing zone, an empty Redis and no checkpoint."""
    return Service(spark, settings, server_url)


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    """A proxy before the real server."""
    made = Proxy("127.0.0.1", int(server_url.rpartition(":")[2].partition("/")[0]))
    yield made
    made.close()


@pytest.fixture
def program(settings: Settings, server_url: str, tmp_path: Path) -> Iterator[Program]:
    """The program on the same directories and the same server as `settings`."""
    environment = {"REDIS_URL": server_url, "SETTLE_SECONDS": "0.2"}
    if settings.landing_zone_endpoint is not None:
        names = ("landing_zone", "landing_zone_endpoint")
        environment |= {name.upper(): str(getattr(settings, name)) for name in names}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    made = Program(tmp_path, environment)
    yield made
    made.end()
