"""The commands in the documents do what is said there, and none is left out."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import typer

from streaming.app.cli import app
from streaming.settings import Settings
from tests.harness import ROOT
from tests.object_store import ObjectStore

README = ROOT / "README.md"
PORTUGUESE = ROOT / "README.pt-BR.md"  # its commands are those of README, so they are run once
SETTINGS = ROOT / "docs" / "settings.md"
RUNBOOK = ROOT / "docs" / "runbook.md"  # its commands need its situations: test_runbook_*.py
# A newcomer types them in this order.
DOCUMENTS = (README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md")
PROGRAM = ("city-features", ".venv/bin/city-features")


def typed(document: Path) -> list[str]:
    """Return what a document says to type: the lines of its shell blocks, less what is printed."""
    text = document.read_text("utf-8")
    lines: list[str] = []
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        prompted = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        lines += prompted or block.splitlines()
    return [line.partition(" #")[0].strip() for line in lines]


def commands(documents: Iterable[Path]) -> list[str]:
    """Return the program's commands in the shell blocks of documents, in order."""
    lines = [line for document in documents for line in typed(document)]
    return [line for line in lines if line.split(" ")[0] in PROGRAM]


def rows(document: Path) -> list[str]:
    """Return the rows of the tables in a document."""
    return [line for line in document.read_text("utf-8").splitlines() if line.startswith("|")]


def leaves(group: typer.Typer) -> list[str]:
    """Return every command the program has, as it is typed."""

    def walk(command: object, name: str) -> Iterator[str]:
        below = getattr(command, "commands", None)
        if below is None:
            yield name
        else:
            for part, child in below.items():
                yield from walk(child, f"{name} {part}".strip())

    return list(walk(typer.main.get_command(group), ""))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A checkout of what the commands need, and nothing else, with a server of its own."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name in ("landing_zone", "checkpoints"):
        (tmp_path / name).mkdir()
    program = tmp_path / ".venv" / "bin" / "city-features"
    program.parent.mkdir(parents=True)
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    program.write_text(f'#!/bin/sh\n{python} -m streaming "$@"\n')
    program.chmod(0o755)
    yield tmp_path
    subprocess.run([program, "redis", "stop"], cwd=tmp_path, check=False, capture_output=True)


def typed_in(directory: Path, command: str, **environment: str) -> str:
    """Type a command, assert that it works, and return what it prints."""
    path = f"{directory / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=directory,
        env={**os.environ, "PATH": path, "SPARK_MASTER": "local[2]", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.spark
def test_the_commands_of_the_documents_work_in_order(directory: Path) -> None:
    printed = []
    for command in commands(d for d in DOCUMENTS if d != RUNBOOK):
        assert "--follow" not in command, f"{command!r} does not end: show it in the table instead"
        printed.append(typed_in(directory, command))
    assert len(printed) >= 10, "too few commands of the program in the documents"
    assert "195000.00" in "".join(printed)
    assert "novas_empresas.csv" in "".join(printed)


@pytest.mark.spark
def test_the_first_example_works_with_files_in_object_storage(
    directory: Path, object_store: ObjectStore
) -> None:
    drop, run, show = commands([README])[:3]
    environment = {
        "LANDING_ZONE": f"s3://{object_store.bucket()}/landing",
        "LANDING_ZONE_ENDPOINT": object_store.endpoint,
        **object_store.environment,
    }

    dropped, _, shown = (typed_in(directory, command, **environment) for command in (drop, run, show))

    assert f"{environment['LANDING_ZONE']}/novas_empresas.csv" in dropped
    assert "195000.00" in shown
    assert list((directory / "landing_zone").iterdir()) == []


def test_both_readmes_say_to_type_the_same() -> None:
    assert typed(PORTUGUESE) == typed(README)
    assert len(typed(README)) >= 15


@pytest.mark.parametrize("document", [README, PORTUGUESE], ids=lambda path: path.name)
def test_every_command_has_a_line_in_the_readme(document: Path) -> None:
    for command in leaves(app):
        pattern = rf"^\|.*`{re.escape(command)}\b"
        assert any(
            re.search(pattern, row) for row in rows(document)
        ), f"{document.name} has no {command!r}"


def test_every_command_in_the_documents_is_one_of_the_program() -> None:
    known = leaves(app)
    for command in commands(DOCUMENTS):
        arguments = " ".join(shlex.split(command)[1:])
        assert any(f"{arguments} ".startswith(f"{name} ") for name in known), command


def test_every_setting_has_a_line_in_the_settings() -> None:
    for name in Settings.model_fields:
        pattern = f"| `{name.upper()}` |"
        assert any(
            row.startswith(pattern) for row in rows(SETTINGS)
        ), f"{SETTINGS} has no {name.upper()}"


def test_defaults_in_the_settings_are_those_of_the_program() -> None:
    spelled = {"False": "off", "None": ""}
    documented = {cells[1].strip(" `"): cells[2] for row in rows(SETTINGS) if (cells := row.split("|"))}
    for name, field in Settings.model_fields.items():
        if name != "quarantine":  # it follows from another setting
            value = field.default
            text = f"{value:g}" if isinstance(value, float) else str(value)
            assert documented[name.upper()].strip(" `") == spelled.get(text, text), name
