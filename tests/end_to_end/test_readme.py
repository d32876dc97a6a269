"""The README's commands do what it says, and none is left out."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from streaming.app.cli import app
from streaming.settings import Settings
from tests.harness import ROOT

README = ROOT / "README.md"
PROGRAM = ("city-features", ".venv/bin/city-features")


def text() -> str:
    """Return the README, or fail where there is none."""
    if not README.is_file():
        pytest.fail("README.md is missing: write it, with the commands in ```sh or ```console blocks")
    return README.read_text("utf-8")


def commands() -> list[str]:
    """Return the program's commands in the README's shell blocks, in order."""
    found = []
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = line.removeprefix("$ ").partition(" #")[0].strip()
            if command.split(" ")[0] in PROGRAM:
                found.append(command)
    return found


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


@pytest.mark.spark
def test_the_commands_of_the_readme_work_in_order(directory: Path) -> None:
    found = commands()
    assert len(found) >= 5, f"too few commands of the program in README.md: {found}"
    path = f"{directory / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    said = {}
    for command in found:
        assert "--follow" not in command, f"{command!r} does not end: show it in the table instead"
        done = subprocess.run(
            command,
            shell=True,
            cwd=directory,
            env={**os.environ, "PATH": path, "SPARK_MASTER": "local[2]"},
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said[command] = done.stdout
    everything = "".join(said.values())
    assert "195000.00" in everything
    assert "novas_empresas.csv" in everything


def test_every_command_has_a_line_in_the_readme() -> None:
    lines = [line for line in text().splitlines() if line.startswith("|")]
    for command in leaves(app):
        pattern = rf"^\|.*`{re.escape(command)}\b"
        assert any(re.search(pattern, line) for line in lines), f"README.md has no line for {command!r}"


def test_every_command_in_the_readme_is_one_of_the_program() -> None:
    known = leaves(app)
    for command in commands():
        arguments = " ".join(shlex.split(command)[1:])
        assert any(f"{arguments} ".startswith(f"{name} ") for name in known), command


def test_every_setting_has_a_line_in_the_readme() -> None:
    lines = [line for line in text().splitlines() if line.startswith("|")]
    for name in Settings.model_fields:
        assert any(f"`{name.upper()}`" in line for line in lines), f"README.md has no {name.upper()}"


def test_files_the_readme_links_to_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", text())
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []
