"""The manifest for Kubernetes: what its Job runs, and what that asks the API for, with a stand-in."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from streaming.settings import Settings
from tests.harness import ROOT, Program, Zone, row
from tests.object_store import ObjectStore
from tests.spark.kubernetes_api import KubernetesApi

MANIFEST = ROOT / "examples" / "cluster" / "kubernetes.yaml"
DOCUMENTS = {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}
POD, NAMESPACE = "city-features-x7k2p", "features"
VERBS = {
    "POST all": "create",
    "GET": "get",
    "GET all": "list",
    "PATCH": "patch",
    "DELETE": "delete",
    "DELETE all": "deletecollection",
}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The files of the manifest's ConfigMap, with paths and sizes of here."""
    directory = tmp_path / "etc"
    directory.mkdir()
    for name, text in DOCUMENTS["ConfigMap"]["data"].items():
        (directory / name).write_text(text.replace("/etc/spark", str(directory)))
    with (directory / "spark-defaults.conf").open("a") as defaults:
        defaults.write(
            "spark.executor.memory 600m\nspark.driver.port 0\nspark.driver.blockManager.port 0\n"
            "spark.kubernetes.executor.apiPollingInterval 1s\n"
        )
    return directory


@pytest.fixture
def api(tmp_path: Path, object_store: ObjectStore) -> Iterator[KubernetesApi]:
    """An API whose containers have Java and Python of here, and no credentials but the secret's."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    node = {"PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    node |= {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    node["AWS_METADATA_ENDPOINT"] = object_store.environment["AWS_METADATA_ENDPOINT"]
    (tmp_path / "pods").mkdir()
    made = KubernetesApi(
        tmp_path / "pods",
        ROOT / "docker" / "executor",
        POD,
        {"city-features": object_store.environment},
        node,
    )
    yield made
    made.close()


@pytest.mark.long
@pytest.mark.parametrize("zone_kind", ["bucket"], indirect=True)
def test_a_run_as_in_the_manifest_counts_in_pods_that_it_creates(
    program: Program,
    settings: Settings,
    server_url: str,
    object_store: ObjectStore,
    api: KubernetesApi,
    configuration: Path,
) -> None:
    zone = Zone(settings, server_url)
    files = [zone.put("a.csv", [row(1), row(2)])]
    zone.put("c.csv", [row(1, estado="XX")])
    [driver] = DOCUMENTS["Job"]["spec"]["template"]["spec"]["containers"]
    variables = {"POD_NAME": POD, "POD_NAMESPACE": NAMESPACE, "POD_IP": "127.0.0.1"}
    assert {v["name"] for v in driver["env"] if "valueFrom" in v} == set(variables)
    assert driver["args"] == ["city-features", "run"]

    summary = program.json(
        "run", SPARK_MASTER=api.master, SPARK_CONF_DIR=str(configuration), **variables
    )

    zone.holds(*files)
    assert (summary["new"], summary["rejected"]) == (2, 1)
    [rule] = DOCUMENTS["Role"]["rules"]
    asked = {(VERBS[method], resource) for method, resource in api.requests}
    assert asked <= {(verb, resource) for verb in rule["verbs"] for resource in rule["resources"]}
    [template] = yaml.safe_load(DOCUMENTS["ConfigMap"]["data"]["executor.yaml"])["spec"]["containers"]
    for pod in api.created:
        [container] = pod["spec"]["containers"]
        assert container["image"] == driver["image"]
        assert container["securityContext"] == template["securityContext"]
        assert [owner["name"] for owner in pod["metadata"]["ownerReferences"]] == [POD]
    assert set(api.pods) == {POD}
    assert object_store.environment["AWS_SECRET_ACCESS_KEY"] not in str(api.created)
