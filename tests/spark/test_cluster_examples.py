"""What examples/cluster/ has for Kubernetes and YARN, as far as it can be held against Spark itself."""

import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import ROOT
from tests.spark.standalone import SPARK

EXAMPLES = ROOT / "examples" / "cluster"
SETTING = re.compile(rb"spark\.[a-zA-Z][\w.]*\w")
DOCUMENTS: dict[str, dict[str, Any]] = {
    document["kind"]: document
    for document in yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
}
JOB = DOCUMENTS["Job"]["spec"]["template"]["spec"]
TEMPLATE = yaml.safe_load(DOCUMENTS["ConfigMap"]["data"]["executor.yaml"])["spec"]
DEFAULTS = dict(
    line.split() for line in DOCUMENTS["ConfigMap"]["data"]["spark-defaults.conf"].splitlines()
)
PREFIXES = ("spark.executorEnv", "spark.kubernetes.executor.secretKeyRef", "spark.yarn.appMasterEnv")


def named(jar: Path) -> set[str]:
    """Return what looks like a setting in the classes of a JAR."""
    with zipfile.ZipFile(jar) as classes:
        names = (name for name in classes.namelist() if name.endswith(".class"))
        return {m.decode() for name in names for m in SETTING.findall(classes.read(name))}


def test_every_setting_of_spark_that_is_named_is_one_that_spark_has() -> None:
    known: set[str] = set()
    for part in ("core", "kubernetes", "yarn", "common-utils"):
        for jar in (SPARK / "jars").glob(f"spark-{part}_*.jar"):
            known |= named(jar)
    written = (ROOT / "docs" / "cluster.md").read_bytes()
    written += b"".join(path.read_bytes() for path in sorted(EXAMPLES.iterdir()))
    used = {
        name.decode() for name in SETTING.findall(re.sub(rb"\w+://\S+|org\.apache\S+", b"", written))
    }

    plain = {next((p for p in PREFIXES if name.startswith(p)), name) for name in used}

    assert len(plain) > 15
    assert plain - known == set()


def test_the_parts_of_the_manifest_name_each_other() -> None:
    account = DOCUMENTS["ServiceAccount"]["metadata"]["name"]
    assert JOB["serviceAccountName"] == account
    assert DOCUMENTS["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": account}]
    role = {key: DOCUMENTS["RoleBinding"]["roleRef"][key] for key in ("kind", "name")}
    assert role == {"kind": "Role", "name": DOCUMENTS["Role"]["metadata"]["name"]}
    [driver] = JOB["containers"]
    assert driver["image"] == DEFAULTS["spark.kubernetes.container.image"]
    secret = DOCUMENTS["Secret"]
    assert driver["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    passed = [value for name, value in DEFAULTS.items() if ".secretKeyRef." in name]
    keys = [key for key in secret["stringData"] if key.startswith("AWS_")]
    assert passed == [f"{secret['metadata']['name']}:{key}" for key in keys]
    [volume] = [v for v in JOB["volumes"] if "configMap" in v]
    assert volume["configMap"]["name"] == DOCUMENTS["ConfigMap"]["metadata"]["name"]
    variables = {variable["name"]: variable for variable in driver["env"]}
    [mounted] = [m for m in driver["volumeMounts"] if m["name"] == volume["name"]]
    assert mounted["mountPath"] == variables["SPARK_CONF_DIR"]["value"]
    template = DEFAULTS["spark.kubernetes.executor.podTemplateFile"]
    assert template == f"{mounted['mountPath']}/executor.yaml"
    used = {name for value in DEFAULTS.values() for name in re.findall(r"\$\{env:(\w+)\}", value)}
    assert used == {name for name, variable in variables.items() if "valueFrom" in variable}


@pytest.mark.parametrize("pod", [JOB, TEMPLATE], ids=["driver", "executor"])
def test_pods_have_no_rights_of_root_and_a_temporary_disk(pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    user = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [str(pod["securityContext"]["runAsUser"])] == user
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    paths = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert "emptyDir" in paths["/tmp"]


def test_the_executor_of_the_image_is_the_one_that_pods_start() -> None:
    assert (
        "COPY docker/as-owner docker/executor docker/init /usr/local/bin/"
        in (ROOT / "Dockerfile").read_text()
    )


@pytest.mark.parametrize("script", [EXAMPLES / "yarn.sh", ROOT / "docker" / "executor"], ids=str)
def test_scripts_are_read_by_a_shell_to_their_end(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
