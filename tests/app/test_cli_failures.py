"""The command line when it cannot do what was asked: exit codes, and one line that says why."""

import json
import socket
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streaming.app.cli import app
from streaming.settings import Settings
from tests import oracle
from tests.harness import Program, row


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["run", "--nonsense"],
        ["show", "--top", "0"],
        ["show", "--top", "x"],
        ["drop"],
        ["drop", "nowhere.csv"],
        ["drop", "a.csv", "b.csv", "--as", "c.csv"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_nothing_on_stdout_to_take_for_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "landing_zone").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(oracle.text([row(1)]))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit), "no traceback"
    assert done.stdout == "" or not arguments
    assert done.stderr or not arguments
    assert list((tmp_path / "landing_zone").iterdir()) == []


def test_the_process_of_a_wrong_usage_exits_with_2(program: Program) -> None:
    done = program("run", "--nonsense", code=2)
    assert done.stdout == ""
    assert "--nonsense" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["drop", "a.txt"], {}, "--as"),
        (["drop", "a.txt", "--as", "../a.csv"], {}, "--as"),
        (["drop", "a.txt", "--as", ".a.csv"], {}, "--as"),
        (["drop", "a.txt", "--as", "a.csv"], {"LANDING_ZONE": "nowhere"}, "nowhere is no directory"),
        (["run"], {"LANDING_ZONE": "nowhere"}, "LANDING_ZONE"),
        (["run"], {"REDIS_URL": "http://maria:s3cr3t@x"}, "REDIS_URL"),
        (["run"], {"REDIS_URL": "redis://maria:s3cr3t@x:port"}, "REDIS_URL"),
        (["run"], {"MAX_FILES_PER_TRIGGER": "many"}, "MAX_FILES_PER_TRIGGER"),
        (["run"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        (["run"], {"JAVA_HOME": "/nowhere", "LANDING_ZONE": "full"}, "Java"),
        (["status"], {"LANDING_ZONE": "nowhere"}, "LANDING_ZONE"),
    ],
)
def test_a_failure_exits_with_1_and_one_line_that_says_what_to_do(
    program: Program, arguments: list[str], environment: dict[str, str], named: str
) -> None:
    (program.directory / "a.txt").write_text("x")
    (program.directory / "full").mkdir()
    (program.directory / "full" / "a.csv").write_text(oracle.text([row(1)]))
    ask = program if "JAVA_HOME" in environment else program.inside
    done = ask(*arguments, code=1, **environment)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize("command", ["run", "show", "status", "quarantine"])
def test_redis_down_exits_with_1_in_bounded_time_without_the_password(
    program: Program, settings: Settings, command: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (settings.landing_zone / "a.csv").write_text(oracle.text([row(1)]))
    began = time.monotonic()
    done = program.inside(
        command, "--json", code=1, REDIS_URL=f"redis://maria:s3cr3t@127.0.0.1:{port}/0"
    )
    assert time.monotonic() - began < 20
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: Redis at redis://127.0.0.1:{port}/0 does not answer")
    assert "s3cr3t" not in line


def test_check_tells_that_redis_is_down(program: Program) -> None:
    document = program.inside.json("check", code=1, REDIS_URL="redis://maria:s3cr3t@127.0.0.1:1/0")
    down = next(c for c in document["checks"] if c["name"] == "redis: reachable")
    assert down["ok"] is False
    assert "does not answer" in down["detail"]
    assert "s3cr3t" not in json.dumps(document)


def test_redis_url_never_tells_the_password(program: Program) -> None:
    done = program.inside("redis", "url", REDIS_URL="redis://maria:s3cr3t@example.org:6380/2")
    assert done.stdout == "redis://example.org:6380/2\n"
