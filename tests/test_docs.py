"""The documents: links that lead somewhere, a short README, lines that fit."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PORTUGUESE = ROOT / "README.pt-BR.md"
DOCUMENTS = [
    README,
    PORTUGUESE,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
LINES = {README: 150, PORTUGUESE: 130}
LINE = 120
# What programs write: its lines are as long as they are.
GENERATED = re.compile(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def prose(document: Path) -> Iterator[str]:
    """Yield the lines of a document that are neither code nor generated."""
    fenced = False
    for line in GENERATED.sub("", document.read_text("utf-8")).splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield line


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = (line.lstrip("#").strip() for line in prose(document) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor of each relative link."""
    for line in prose(document):
        for _, target in LINK.findall(line):
            if not re.match(r"[a-z]+:", target):
                path, _, anchor = target.partition("#")
                yield (document.parent / path).resolve() if path else document, anchor


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_to_a_file_and_an_anchor(document: Path) -> None:
    broken = []
    for target, anchor in links(document):
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(f"no file {target}")
        elif anchor and anchor not in anchors(target):
            broken.append(f"no heading #{anchor} in {name(target)}")
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_no_line_of_prose_is_too_long(document: Path) -> None:
    shown = ((line, LINK.sub(r"\1", line)) for line in prose(document))
    long = [line for line, text in shown if len(text) > LINE and not line.startswith("|")]
    assert long == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_cannot_is_one_word(document: Path) -> None:
    assert [line for line in prose(document) if re.search(r"\bcan not\b", line)] == []


@pytest.mark.parametrize("document", LINES, ids=name)
def test_a_readme_is_for_the_first_five_minutes(document: Path) -> None:
    assert len(document.read_text("utf-8").splitlines()) <= LINES[document]


def test_every_document_is_two_links_from_the_readme() -> None:
    first = {target for target, _ in links(README)}
    second = {target for document in first & set(DOCUMENTS) for target, _ in links(document)}
    assert sorted(set(DOCUMENTS) - first - second - {README}) == []


def test_every_decision_is_in_the_list() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = [target for target, _ in links(decisions / "README.md")]
    assert listed == sorted(decisions.glob("[0-9]*.md"))


def test_reliability_names_modules_and_tests_that_exist() -> None:
    tables = "\n".join(line for line in prose(ROOT / "docs" / "reliability.md") if line.startswith("|"))
    tests = {path.stem for path in ROOT.glob("tests/**/test_*.py")}
    assert set(re.findall(r"`(test_\w+)`", tables)) - tests == set()
    modules = set(re.findall(r"`([\w/]+\.(?:py|lua|sql))`", tables))
    assert len(modules) > 10
    assert [name for name in modules if not (ROOT / "streaming" / name).is_file()] == []
