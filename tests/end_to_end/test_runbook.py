"""The page of the runbook: its anchors, its form, and a test for each situation."""

import re
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.runbook import sections
from tests.harness import ROOT

HERE = Path(__file__).parent
SITUATIONS = [
    "Redis away",
    "Redis lost or restored",
    "Disk full",
    "A bad file",
    "Half a file",
    "Wrong totals",
    "A file to undo",
    "Checkpoint lost",
    "Another format",
    "Moving hosts",
    "A second writer",
    "Slow runs",
]
"""Alerts lead to these headings: they stay."""


def test_the_page_has_the_twelve_situations() -> None:
    assert list(sections()) == ["Where to look first", *SITUATIONS]


@pytest.mark.parametrize("title", SITUATIONS)
def test_a_situation_says_what_is_seen_done_and_how_it_ends(title: str) -> None:
    parts = re.findall(r"^\*\*(You see|Do|It does|It worked when)\*\*", sections()[title].text, re.M)
    assert parts[:4] == ["You see", "Do", "It does", "It worked when"]


def test_each_alert_leads_where_the_page_says() -> None:
    rules = yaml.safe_load((ROOT / "ops" / "alerts.yml").read_text())["groups"][0]["rules"]
    page = sections()["Where to look first"].text
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| City")]
    listed = {
        name: re.search(r"\((#.*?)\)|this section", where)[1] or "#where-to-look-first"  # type: ignore[index]
        for _, names, where, _ in rows
        for name in names.strip().split(", ")
    }
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules}
    assert links == {name: f"docs/runbook.md{anchor}" for name, anchor in listed.items()}


def test_every_section_is_gone_through_by_a_test() -> None:
    tests = "".join(path.read_text() for path in HERE.glob("test_runbook_*.py"))
    assert [title for title in sections() if f'Steps("{title}")' not in tests] == []
