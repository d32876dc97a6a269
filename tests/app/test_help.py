"""What the program says of itself: help that is never cut, an example for each command, the version."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from streaming import version
from streaming.app import redis_commands
from streaming.app.cli import app
from tests.harness import ROOT

COMMANDS = [
    *("drop", "receita", "run", "show", "ranking", "crescimento", "status", "check", "quarantine"),
    *("audit", "rebuild", "quality"),
]


def output(*arguments: str, columns: int = 80, **environment: str) -> str:
    """Return what the program prints, at a terminal of this width."""
    result = CliRunner().invoke(app, list(arguments), env=environment, terminal_width=columns)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("columns", [80, 60, 40])
@pytest.mark.parametrize(
    ("group", "arguments"),
    [(app, ["--help"]), (redis_commands.app, ["redis", "--help"])],
    ids=["all", "redis"],
)
def test_the_list_of_commands_has_whole_sentences(
    group: typer.Typer, arguments: list[str], columns: int
) -> None:
    text = output(*arguments, columns=columns).partition("Commands:")[2].partition("\n\n")[0]

    assert max(map(len, text.splitlines())) <= columns
    letters = "".join(text.split())  # lines may break at a hyphen
    for command in group.registered_commands:
        assert command.callback is not None
        sentence = " ".join((command.callback.__doc__ or "").split()).split(". ")[0].rstrip(".")
        assert f"{sentence}.".replace(" ", "") in letters
    assert "…" not in text and "..." not in text


@pytest.mark.parametrize("command", [*COMMANDS, "redis", "redis url", "redis cli", "redis stop"])
def test_the_help_of_each_command_ends_with_an_example(command: str) -> None:
    lines = output(*command.split(), "--help").rstrip().splitlines()

    title = max(number for number, line in enumerate(lines) if line in ("  Example:", "  Examples:"))
    assert all(
        line.startswith("    ") and f"city-features {command}" in line for line in lines[title + 1 :]
    )
    assert len(lines) > title + 1


def test_the_version_is_that_of_the_checkout() -> None:
    expected = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert output("--version") == f"city-features {expected}\n"


def test_without_a_checkout_the_version_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(version, "__file__", str(tmp_path / "a" / "version.py"))

    assert version.version() == importlib.metadata.version("city-features")


def test_a_server_that_does_not_run_is_said_not_to_have_run(tmp_path: Path) -> None:
    directory = tmp_path / "redis"

    assert (
        output("redis", "stop", REDIS_DIR=str(directory))
        == f"the server in {directory} was not running\n"
    )
