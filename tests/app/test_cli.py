"""The command line as processes: what is on stdout, on stderr, and the exit code."""

import fcntl
import gzip
import json
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streaming.app.cli import app
from streaming.landing import local
from streaming.settings import Settings
from tests import oracle
from tests.harness import ROOT, Program, Service, row, until

EXAMPLE = ROOT / "examples" / "novas_empresas.csv"
TOTALS = {
    "Belo Horizonte": ("30000.00", 1, "30000.00"),
    "Belo Horizonte/MG": ("30000.00", 1, "30000.00"),
    "Rio de Janeiro": ("225000.00", 2, "112500.00"),
    "Rio de Janeiro/RJ": ("225000.00", 2, "112500.00"),
    "São Paulo": ("195000.00", 3, "65000.00"),
    "São Paulo/SP": ("195000.00", 3, "65000.00"),
}
BAD = oracle.text([row(1, "-1.00"), ("x", "2025-01-01", "Natal", "RN", "1.00"), row(3, cidade="a:b")])


class Ran:
    """A program with a server of its own, after one run over the example and two bad files."""

    def __init__(self, program: Program) -> None:
        self.program = program
        for directory in ("landing_zone", "checkpoints"):
            (program.directory / directory).mkdir()
        (program.directory / "bad.csv").write_text(BAD)
        (program.directory / "binary.csv").write_bytes(bytes(range(256)))
        self.began = datetime.now().astimezone()
        self.dropped = program.json("drop", str(EXAMPLE), "bad.csv", "binary.csv")
        self.run = program("run", "--json", LOG_FORMAT="json")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """The example, ingested by the program with no REDIS_URL."""
    program = Program(tmp_path_factory.mktemp("program"), {"REDIS_DIR": "redis"})
    try:
        yield Ran(program)
    finally:
        program("redis", "stop")
        program.end()


def test_drop_tells_what_it_copied(ran: Ran) -> None:
    assert ran.dropped == {
        "dropped": [
            {"source": str(EXAMPLE), "path": "novas_empresas.csv", "copied": True},
            {"source": "bad.csv", "path": "bad.csv", "copied": True},
            {"source": "binary.csv", "path": "binary.csv", "copied": True},
        ]
    }
    landed = ran.program.directory / "landing_zone" / "novas_empresas.csv"
    assert landed.read_bytes() == EXAMPLE.read_bytes()


def test_a_run_gives_one_document_with_the_accounting_of_every_file(ran: Ran) -> None:
    document = json.loads(ran.run.stdout)
    files = {file["file"]: file for file in document.pop("files")}
    assert isinstance(document.pop("seconds"), float)
    assert document.pop("version") >= 1
    assert document == {"read": 9, "new": 6, "duplicates": 0, "rejected": 3}
    counts = {"duplicates": 0, "reason": None, "state": "ingested"}
    assert files["novas_empresas.csv"] == {
        "file": "novas_empresas.csv",
        "read": 6,
        "new": 6,
        "rejected": 0,
        **counts,
    }
    assert files["bad.csv"] == {"file": "bad.csv", "read": 3, "new": 0, "rejected": 3, **counts}
    assert files["binary.csv"] == {
        "file": "binary.csv",
        "read": 0,
        "new": 0,
        "duplicates": 0,
        "rejected": 0,
        "state": "rejected",
        "reason": files["binary.csv"]["reason"],
    }
    assert files["binary.csv"]["reason"]
    assert len(files) == 3


def test_json_logs_are_one_object_a_line(ran: Ran) -> None:
    for line in ran.run.stderr.splitlines():
        assert isinstance(json.loads(line), dict), line


def test_json_logs_say_what_became_of_each_file(ran: Ran) -> None:
    logged = [json.loads(line) for line in ran.run.stderr.splitlines() if line.startswith("{")]
    by_event = {(entry["event"], entry.get("file")): entry for entry in logged}
    ingested = by_event["file ingested", "novas_empresas.csv"]
    assert {k: ingested[k] for k in ("read", "new", "duplicates", "rejected", "level")} == {
        "read": 6,
        "new": 6,
        "duplicates": 0,
        "rejected": 0,
        "level": "info",
    }
    assert by_event["file ingested", "bad.csv"]["level"] == "warning"
    assert by_event["file rejected", "binary.csv"]["reason"]
    assert by_event["CNPJs with wrong check digits", "novas_empresas.csv"]["rows"] == 6


def test_show_gives_the_features_of_the_example(ran: Ran) -> None:
    found = ran.program.json("show")["features"]
    assert {
        f["key"]: (f["capital_social_total"], f["quantidade_empresas"], f["capital_social_medio"])
        for f in found
    } == TOTALS
    for f in found:
        assert list(f) == [
            "key",
            "cidade",
            "estado",
            "capital_social_total",
            "quantidade_empresas",
            "capital_social_medio",
            "atualizado_em",
        ]
        cidade, _, estado = f["key"].partition("/")
        assert (f["cidade"], f["estado"]) == (cidade, estado or None)
        at = datetime.fromisoformat(f["atualizado_em"])
        assert at.utcoffset() == timedelta(0)
        assert ran.began < at < datetime.now().astimezone()


def test_show_gives_one_city_or_the_largest(ran: Ran) -> None:
    keys = [f["key"] for f in ran.program.json("show", "São Paulo")["features"]]
    assert keys == ["São Paulo", "São Paulo/SP"]
    keys = [f["key"] for f in ran.program.json("show", "--top", "2")["features"]]
    assert keys == ["Rio de Janeiro/RJ", "São Paulo/SP"]
    text = ran.program("show", "Belo Horizonte").stdout
    assert "Belo Horizonte/MG" in text
    assert "30000.00" in text


def test_show_of_a_city_that_is_not_there_fails_with_a_line(ran: Ran) -> None:
    done = ran.program("show", "Nowhere", code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: no features of 'Nowhere'; city-features show lists all there are"
    ]


def test_a_second_run_says_nothing_is_new_fast_and_without_java(ran: Ran) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = ran.program("run", JAVA_HOME="/nowhere")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.stdout.startswith("nothing new")
    assert done.stderr == ""
    assert took < 3
    document = ran.program.json("run", JAVA_HOME="/nowhere")
    assert document["files"] == []
    assert [document[k] for k in ("read", "new", "duplicates", "rejected")] == [0, 0, 0, 0]


def test_status_gives_one_object_of_what_was_ingested_and_waits(ran: Ran) -> None:
    document = ran.program.json("status")
    assert (document["ingested"], document["rejected"]) == (2, 1)
    assert (document["waiting"], document["changed"]) == ([], [])
    assert document["backlog"] == {"files": 0, "bytes": 0}
    assert document["rows"] == {"read": 9, "new": 6, "duplicates": 0, "rejected": 3}
    assert document["freshness"]["seconds_since"] > 0
    zone = ran.program.directory / "landing_zone"
    (zone / "late.csv").write_text("later")
    try:
        document = ran.program.json("status")
        assert document["waiting"] == ["late.csv"]
        assert document["backlog"] == {"files": 1, "bytes": 5}
    finally:
        (zone / "late.csv").unlink()
    assert "ingested" in ran.program("status").stdout


def test_check_finds_everything_right_with_the_server_of_its_own(ran: Ran) -> None:
    document = ran.program.json("check")
    assert list(document) == ["ok", "checks"]
    assert document["ok"] is True
    assert all(list(c) == ["name", "ok", "detail"] and c["ok"] is True for c in document["checks"])
    names = {c["name"] for c in document["checks"]}
    assert {"java", "redis: reachable", "redis: AOF", "redis: noeviction", "redis: writable"} <= names
    assert {"redis: version", "redis: not a cluster", "landing zone", "checkpoints"} <= names


def test_check_fails_and_says_what_lacks(ran: Ran) -> None:
    document = ran.program.json("check", code=1, JAVA_HOME="/nowhere", LANDING_ZONE="nowhere")
    assert document["ok"] is False
    assert {c["name"] for c in document["checks"] if not c["ok"]} == {
        "java",
        "landing zone",
        "quarantine",
    }


def test_quarantine_gives_the_rejected_rows_and_files(ran: Ran) -> None:
    document = ran.program.json("quarantine")
    lines = BAD.splitlines()
    assert sorted(document["rows"], key=lambda r: lines.index(r["raw"])) == [
        {"file": "bad.csv", "reason": "capital_social: negative", "raw": lines[1]},
        {"file": "bad.csv", "reason": "cnpj: malformed", "raw": lines[2]},
        {"file": "bad.csv", "reason": "cidade: one of : / { }", "raw": lines[3]},
    ]
    assert [file["file"] for file in document["files"]] == ["binary.csv"]
    assert ran.program.json("quarantine", "novas_empresas.csv") == {"rows": [], "files": []}
    assert "capital_social: negative" in ran.program("quarantine").stdout


def test_redis_cli_shows_what_redis_holds(ran: Ran) -> None:
    said = ran.program("redis", "cli", "hgetall", "São Paulo").stdout.splitlines()
    values = dict(zip(said[::2], said[1::2], strict=True))
    values.pop("atualizado_em")
    assert values == {
        "capital_social_total": "195000.00",
        "quantidade_empresas": "3",
        "capital_social_medio": "65000.00",
    }
    assert ran.program("redis", "cli", "get", "no such key").stdout == "(nil)\n"
    failed = ran.program("redis", "cli", "hgetall", "ingest:version", code=1)
    assert failed.stderr.startswith("error: ")
    assert "WRONGTYPE" in failed.stderr


def test_the_server_of_its_own_stops_and_comes_back_with_its_data(ran: Ran) -> None:
    url = ran.program("redis", "url").stdout.strip()
    assert url.startswith("redis://127.0.0.1:")
    port = int(url.rpartition(":")[2].partition("/")[0])
    assert ran.program("redis", "stop").stdout == "the server in redis stopped\n"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert ran.program("redis", "stop").stdout == "the server in redis was not running\n"
    said = ran.program("redis", "cli", "hget", "São Paulo", "capital_social_total").stdout
    assert said == "195000.00\n"


def test_the_same_content_under_the_same_name_is_said_and_not_copied(
    program: Program, settings: Settings
) -> None:
    source = program.directory / "a.csv"
    source.write_text(oracle.text([row(1)]))
    assert program.json("drop", "a.csv", "--as", "b.csv") == {
        "dropped": [{"source": "a.csv", "path": "b.csv", "copied": True}]
    }
    before = local.stat_file(settings.landing_zone, "b.csv")
    assert program.json("drop", "a.csv", "--as", "b.csv") == {
        "dropped": [{"source": "a.csv", "path": "b.csv", "copied": False}]
    }
    assert local.stat_file(settings.landing_zone, "b.csv") == before
    assert "same content" in program("drop", "a.csv", "--as", "b.csv").stdout
    assert [p.name for p in settings.landing_zone.iterdir()] == ["b.csv"]


def test_other_content_under_the_same_name_gets_a_new_name(program: Program, settings: Settings) -> None:
    first, second = oracle.text([row(1)]), gzip.compress(oracle.text([row(2)]).encode())
    (settings.landing_zone / "a.csv.gz").write_bytes(gzip.compress(first.encode()))
    (program.directory / "a.csv.gz").write_bytes(second)
    (dropped,) = program.json("drop", "a.csv.gz")["dropped"]
    assert dropped["copied"] is True
    assert dropped["path"] != "a.csv.gz"
    assert dropped["path"].endswith(".csv.gz")
    assert (settings.landing_zone / dropped["path"]).read_bytes() == second
    assert gzip.decompress((settings.landing_zone / "a.csv.gz").read_bytes()).decode() == first
    assert len(list(settings.landing_zone.iterdir())) == 2


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
    ("arguments", "environment", "said"),
    [
        (["drop", "a.txt"], {}, "--as"),
        (["drop", "a.txt", "--as", "../a.csv"], {}, "--as"),
        (["drop", "a.txt", "--as", ".a.csv"], {}, "--as"),
        (["drop", "a.txt", "--as", "a.csv"], {"LANDING_ZONE": "nowhere"}, "could not be dropped"),
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
    program: Program, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    (program.directory / "a.txt").write_text("x")
    (program.directory / "full").mkdir()
    (program.directory / "full" / "a.csv").write_text(oracle.text([row(1)]))
    done = program(*arguments, code=1, **environment)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
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
    done = program(command, "--json", code=1, REDIS_URL=f"redis://maria:s3cr3t@127.0.0.1:{port}/0")
    assert time.monotonic() - began < 20
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: Redis at redis://127.0.0.1:{port}/0 does not answer")
    assert "s3cr3t" not in line


def test_check_tells_that_redis_is_down(program: Program) -> None:
    document = program.json("check", code=1, REDIS_URL="redis://maria:s3cr3t@127.0.0.1:1/0")
    down = next(c for c in document["checks"] if c["name"] == "redis: reachable")
    assert down["ok"] is False
    assert "does not answer" in down["detail"]
    assert "s3cr3t" not in json.dumps(document)


def test_redis_url_never_tells_the_password(program: Program) -> None:
    said = program("redis", "url", REDIS_URL="redis://maria:s3cr3t@example.org:6380/2")
    assert said.stdout == "redis://example.org:6380/2\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_that_waits_for_another_one_stops_when_told_to(
    program: Program, settings: Settings, number: signal.Signals
) -> None:
    (settings.landing_zone / "a.csv").write_text(oracle.text([row(1)]))
    with (settings.checkpoints / ".run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = program.start("run")
        assert started.stderr is not None
        assert "another run has this checkpoint" in started.stderr.readline()
        started.send_signal(number)
        try:
            code = started.wait(5)
        except subprocess.TimeoutExpired:
            pytest.fail("it goes on waiting, deaf to the signal")
    assert code == 128 + number
    out, err = started.communicate()
    assert "nothing new" not in out
    assert f"stopped by {number.name}: 1 file waits for the next run" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_that_is_stopped_says_what_it_did_and_what_it_left(
    program: Program, service: Service, number: signal.Signals
) -> None:
    contents = [service.put(f"{n:02d}.csv", [row(n)]) for n in range(20)]
    started = program.start("run", "--json", MAX_FILES_PER_TRIGGER="1")
    until(lambda: int(service.redis.get("ingest:version") or 0) >= 2, 60, what="the second commit")
    started.send_signal(number)
    out, err = started.communicate(timeout=300)

    document = json.loads(out)
    done = [file["file"] for file in document["files"]]
    assert 2 <= len(done) < 20
    assert done + document["waiting"] == [f"{n:02d}.csv" for n in range(20)]
    assert document["stopped"] == number.name
    assert started.returncode == 128 + number
    assert err.splitlines()[-1].startswith(f"stopped by {number.name}: ")
    service.holds(*contents[: len(done)])


@pytest.mark.parametrize(
    ("number", "files"), [(signal.SIGTERM, 30), (signal.SIGINT, 2)], ids=["SIGTERM", "SIGINT"]
)
def test_following_ingests_what_is_dropped_and_ends_with_0_and_all_exact(
    program: Program, service: Service, number: int, files: int
) -> None:
    started = program.start("run", "--follow", "--json", LOG_FORMAT="json")
    contents = []
    for n in range(2):
        rows = [row(i, f"{i}.0{n}") for i in range(n * 10, n * 10 + 15)]
        contents.append(oracle.text(rows))
        (program.directory / f"{n}.csv").write_text(contents[-1])
        program("drop", f"{n}.csv")
        expected = oracle.features(contents)
        until(lambda: service.features() == expected, 40, what=f"file {n}")  # noqa: B023
    for n in range(2, files):
        rows = [row(i, f"{i}.{n}") for i in range(n * 10, n * 10 + 15)]
        contents.append(service.put(f"{n}.csv", rows, mtime=time.time() - 10 + n * 0.1))
    time.sleep(0.3)
    started.send_signal(number)
    out, err = started.communicate(timeout=300)

    assert started.returncode == 0, err
    document = json.loads(out)
    counted = len(service.records())
    assert 2 <= counted <= files
    assert document["new"] == sum(int(f[1]) for k, f in service.features().items() if "/" in k)
    service.conserved()
    assert len(service.run()) == files - counted
    service.holds(*contents)


def test_a_run_killed_in_the_middle_and_run_again_gives_what_plain_python_gives(
    program: Program, service: Service
) -> None:
    contents = [
        service.put(f"{n:03d}.csv", [row(i, f"{i}.{n % 100:02d}") for i in range(n * 8, n * 8 + 10)])
        for n in range(24)
    ]
    started = program.start("run", MAX_FILES_PER_TRIGGER="3")
    until(lambda: int(service.redis.get("ingest:version") or 0) >= 3, 60, what="the third commit")
    program.kill(started)
    halfway = len(service.records())

    assert 9 <= halfway < 24
    service.holds(*contents[:halfway])
    assert len(service.run()) == 24 - halfway
    service.holds(*contents)


def test_help_of_every_command_has_a_line_for_each_and_an_example() -> None:
    def shown(*arguments: str) -> str:
        return CliRunner().invoke(app, [*arguments, "--help"]).stdout

    said = shown()
    for command in ("drop", "run", "show", "status", "check", "quarantine", "redis"):
        assert command in said
    for command in ("drop", "run", "show", "status", "check", "quarantine"):
        assert "Example" in shown(command), command


def test_a_file_that_may_not_be_read_is_told_apart_and_counts_when_it_may(
    program: Program, service: Service
) -> None:
    content = service.put("fechado.csv", [row(1)])
    path = service.settings.landing_zone / "fechado.csv"
    path.chmod(0)
    program.powerless = True
    (file,) = program.json("run")["files"]
    assert (file["state"], file["reason"]) == ("unreadable", "Permission denied")
    assert service.records() == {}
    path.chmod(0o644)
    assert [(o.file, o.new) for o in service.run()] == [("fechado.csv", 1)]
    service.holds(content)
