"""Commands whose streams are closed, full, read by nobody or of another encoding; and Ctrl-C."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys

import pytest

from streaming.settings import Settings
from tests.harness import ROOT, Program, Zone, row

CLOSED_ALL = "<&- >&- 2>&-"
FULL = (
    "error: the results cannot be written to stdout: No space left on device; what was done stays done"
)


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone of these settings, and what Redis holds of it."""
    return Zone(settings, server_url)


def shell(program: Program, line: str, **environment: str) -> tuple[int, str, list[str]]:
    """Run a line in which $P is the program; return exit code, stdout, and the lines of stderr."""
    function = f'P() {{ {shlex.join(program.command)} "$@"; }}'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{function}\n{line.replace('$P', 'P')}"],
        cwd=program.directory,
        env={**program.environment, **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )
    encoding = environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("line", "code", "errors"),
    [
        ("$P status >&-", 0, []),
        ("$P redis cli ping 2>&-", 0, []),
        ("$P show nowhere 2>&-", 1, []),
        ("$P show nowhere 2>/dev/full", 1, []),
        (f"$P drop a.txt --as a.csv {CLOSED_ALL}", 0, []),
        ("$P status >/dev/full", 1, [FULL]),
        ("$P show --json >/dev/full", 1, [FULL]),
        ("$P status 1</dev/null", 1, [FULL.replace("No space left on device", "Bad file descriptor")]),
        ("$P redis cli keys '*' | true", 141, []),
        ("$P quarantine --json | true", 141, []),
        ("$P --help | true", 141, []),
    ],
)
def test_streams_that_do_not_work_bring_no_traceback(
    program: Program, zone: Zone, line: str, code: int, errors: list[str]
) -> None:
    (program.directory / "a.txt").write_text("x")
    zone.redis.set("a", "1")
    exit_code, out, err = shell(program, line)
    assert (exit_code, err) == (code, errors)
    assert out == ("True\n" if "ping" in line else "")
    assert (zone.settings.landing_zone / "a.csv").exists() == ("drop" in line)


def test_a_run_with_closed_streams_counts_and_prints_into_nothing_else(
    program: Program, zone: Zone
) -> None:
    content = zone.put("a.csv", [row(1)])
    assert shell(program, f"$P run {CLOSED_ALL}")[0] == 0
    zone.holds(content)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_output_shows_every_name_and_keeps_json_whole(
    program: Program, zone: Zone, encoding: str
) -> None:
    values = {"capital_social_total": "1.00", "quantidade_empresas": "1", "capital_social_medio": "1.00"}
    zone.redis.hset("Ōsaka São", mapping={**values, "atualizado_em": "2026-11-24T09:38:19+00:00"})
    code, out, err = shell(
        program, "$P show && echo --- && $P show --json", PYTHONIOENCODING=f"{encoding}:strict"
    )
    assert (code, err) == (0, [])
    table, document = out.split("---\n")
    shown = "Ōsaka São".encode(encoding, "backslashreplace").decode(encoding)
    assert shown in table
    assert json.loads(document)["features"][0]["key"] == "Ōsaka São"


def test_ctrl_c_ends_a_command_that_waits_without_a_traceback(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        started = program.start("show", REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        connection, _ = silent.accept()
        with connection:
            started.send_signal(signal.SIGINT)
            out, err = started.communicate(timeout=300)
    assert (started.returncode, out, err) == (130, "", "")


def test_a_closed_descriptor_is_not_the_next_file_that_is_opened() -> None:
    code = (
        "from streaming import streams; streams.prepare(); import os;"
        "assert [os.readlink(f'/proc/self/fd/{n}') for n in range(3)] == ['/dev/null'] * 3;"
        "assert all(map(os.get_inheritable, range(3)));"
        "assert os.open('/dev/zero', os.O_RDONLY) > 2; print(1)"
    )
    line = f'{shlex.quote(sys.executable)} -c "{code}" {CLOSED_ALL}'
    assert subprocess.run(["bash", "-c", line], cwd=ROOT, timeout=300, check=False).returncode == 0


def test_a_pipe_that_does_not_block_gets_all_results(program: Program, zone: Zone) -> None:
    zone.redis.set("a", "x" * 300_000)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [*program.command, "redis", "cli", "get", "a"]
    started = subprocess.Popen(command, cwd=program.directory, env=program.environment, stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as text:
        assert len(text.read()) == 300_001
    assert started.wait(30) == 0
