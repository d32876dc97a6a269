"""The alerts: valid, each tested on series, and each with a place in the documents."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.harness import ROOT
from tests.ops.prometheus import installed
from tests.test_docs import anchors

OPS = ROOT / "ops"
RULES: list[dict[str, Any]] = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"][0]["rules"]
CASES = yaml.safe_load((OPS / "alerts_test.yml").read_text())["tests"]


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [installed("promtool"), *arguments], cwd=OPS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_and_the_configuration_are_valid() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus.yml")


def test_the_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tested = {(c["alertname"], bool(c["exp_alerts"])) for t in CASES for c in t["alert_rule_test"]}
    assert tested == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_happened_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url"}
    document, _, anchor = notes["runbook_url"].partition("#")
    assert anchor in anchors(ROOT / document)
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_documents_list_every_alert() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    assert re.findall(r"^\| (CityFeatures\w+) \|", text, re.MULTILINE) == [r["alert"] for r in RULES]
