"""What a real follower serves, and what is written about it."""

import fcntl
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from streaming.metrics.instruments import STAGES
from tests import oracle
from tests.harness import ROOT, row, until
from tests.ops.conftest import Follower
from tests.ops.prometheus import installed

NAME = re.compile(r"\bcity_features_\w+")
OPS = ROOT / "ops"


def served(follower: Follower) -> dict[str, str]:
    """Return the type of each metric that is served, by its name."""
    lines = follower.page("/metrics")[1].splitlines()
    return {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}


def named(text: str) -> set[str]:
    """Return the metrics that a text names; of a histogram, its name without the part."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in NAME.findall(text)}


def test_promtool_finds_nothing_wrong_with_the_metrics(follower: Follower) -> None:
    page = follower.page("/metrics")[1]
    checked = subprocess.run(
        [installed("promtool"), "check", "metrics"], input=page, capture_output=True, text=True
    )
    assert (checked.stdout + checked.stderr, checked.returncode) == ("", 0)


def test_the_documents_have_each_metric_with_its_type(follower: Follower) -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    listed = re.findall(r"^\| `(city_features_\w+)(?:\{\w+\})?` \| (\w+) \|", text, re.MULTILINE)
    assert dict(listed) == served(follower)


@pytest.mark.parametrize("path", sorted(OPS.glob("**/*.*")), ids=lambda path: path.name)
def test_whatever_ops_names_is_served(follower: Follower, path: Path) -> None:
    assert named(path.read_text()) - served(follower).keys() == set()


def test_every_metric_is_on_the_dashboard_or_in_an_alert(follower: Follower) -> None:
    shown = named((OPS / "alerts.yml").read_text()) | named(
        (OPS / "grafana" / "dashboards" / "city-features.json").read_text()
    )
    assert shown == served(follower).keys()


def test_the_counts_are_those_of_the_files(follower: Follower) -> None:
    samples = follower.samples()
    totals = {
        name.removeprefix("city_features_"): value
        for name, value in samples.items()
        if "files_total" in name or "rows_total" in name
    }
    assert totals == {
        'files_total{outcome="ingested"}': 1,
        'files_total{outcome="rejected"}': 1,
        'files_total{outcome="failed"}': 0,
        'files_total{outcome="unreadable"}': 0,
        'rows_total{outcome="new"}': 2,
        'rows_total{outcome="duplicates"}': 1,
        'rows_total{outcome="rejected"}': 1,
    }
    assert samples["city_features_discover_to_readable_seconds_count"] == 2
    stages = {
        stage: samples[f'city_features_file_stage_seconds_count{{stage="{stage}"}}'] for stage in STAGES
    }
    assert stages == {"waiting": 2, "reading": 2, "committing": 2, "archiving": 1}
    assert samples["city_features_redis_up"] == 1


def test_the_backlog_is_looked_at_when_someone_asks(follower: Follower) -> None:
    until(lambda: follower.samples()["city_features_backlog_files"] == 0, what="an empty backlog")
    with (follower.program.directory / "checkpoints" / ".rebuild.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a rebuild: the pipeline waits
        follower.drop("waits.csv", oracle.text([row(9)]))
        status = (follower.zone / "waits.csv").stat()
        waits = until(
            lambda: (s := follower.samples())["city_features_backlog_files"] == 1 and s, what="a backlog"
        )
    assert waits["city_features_oldest_waiting_timestamp_seconds"] == pytest.approx(
        status.st_mtime, abs=0.001
    )
    assert waits["city_features_backlog_bytes"] == status.st_size
    until(lambda: follower.samples()["city_features_backlog_files"] == 0, what="an empty backlog")


def test_healthy_pages_say_so(follower: Follower) -> None:
    assert (follower.page("/healthz"), follower.page("/readyz")) == ((200, "ok\n"), (200, "ok\n"))


def test_a_landing_zone_that_is_gone_is_not_ready(follower: Follower) -> None:
    elsewhere = follower.zone.rename(follower.zone.with_name("elsewhere"))
    try:
        assert follower.page("/readyz") == (
            503,
            "landing zone landing_zone: No such file or directory\n",
        )
    finally:
        elsewhere.rename(follower.zone)


def test_a_redis_with_another_format_is_not_ready(follower: Follower) -> None:
    follower.program("redis", "cli", "set", "ingest:format", "1")
    try:
        code, text = follower.page("/readyz")
    finally:
        follower.program("redis", "cli", "set", "ingest:format", "2")
    assert code == 503
    assert "was filled with format 1" in text


def test_a_second_follower_on_the_port_ends_before_spark_starts(follower: Follower) -> None:
    port = follower.url.rpartition(":")[2]
    done = follower.program("run", "--follow", "--metrics-port", port, code=1, CHECKPOINTS="other")
    assert done.stderr == (
        f"error: port {port} on 127.0.0.1 is taken: give --metrics-port another one, "
        "or end what listens there\n"
    )


def test_a_port_for_metrics_goes_with_following_only(follower: Follower) -> None:
    done = follower.program("run", "--metrics-port", "0", code=2)
    assert "goes with --follow" in done.stderr


def test_the_dashboard_reads_the_data_source_that_is_provisioned() -> None:
    board = json.loads((OPS / "grafana" / "dashboards" / "city-features.json").read_text())
    provisioned = yaml.safe_load(
        (OPS / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )
    uids = {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]}
    assert uids == {source["uid"] for source in provisioned["datasources"]}
    ids = [panel["id"] for panel in board["panels"]]
    assert sorted(set(ids)) == ids
