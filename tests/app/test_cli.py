"""The command line: what is on stdout, on stderr, and the exit code."""

import gzip
import json
import resource
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from streaming.app.cli import app
from streaming.landing import local
from streaming.settings import Settings
from tests import oracle
from tests.harness import ROOT, Program, row

EXAMPLE = ROOT / "examples" / "novas_empresas.csv"
TOTALS = {
    "Belo Horizonte": ("30000.00", 1, "30000.00"),
    "Belo Horizonte/MG": ("30000.00", 1, "30000.00"),
    "Rio de Janeiro": ("225000.00", 2, "112500.00"),
    "Rio de Janeiro/RJ": ("225000.00", 2, "112500.00"),
    "São Paulo": ("195000.00", 3, "65000.00"),
    "São Paulo/SP": ("195000.00", 3, "65000.00"),
    "estado:MG": ("30000.00", 1, "30000.00"),
    "estado:RJ": ("225000.00", 2, "112500.00"),
    "estado:SP": ("195000.00", 3, "65000.00"),
    "pais:BR": ("450000.00", 6, "75000.00"),
}
PLACES = {
    "estado:MG": (None, "MG"),
    "estado:RJ": (None, "RJ"),
    "estado:SP": (None, "SP"),
    "pais:BR": (None, None),
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
        self.dropped = program.inside.json("drop", str(EXAMPLE), "bad.csv", "binary.csv")
        self.run = program(
            "run", "--json", LOG_FORMAT="json", METRICS_TEXTFILE="run.prom", RUN_ID="nightly-7"
        )


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


def test_json_logs_have_the_same_keys_for_each_file_and_a_sum_for_the_batch(ran: Ran) -> None:
    logged = [json.loads(line) for line in ran.run.stderr.splitlines() if line.startswith("{")]
    assert {entry["run"] for entry in logged} == {"nightly-7"}
    common = {"event", "level", "timestamp", "run", "batch", "version", "seconds"}
    counts = {"read", "new", "duplicates", "rejected"}
    files = [e for e in logged if e["event"] in ("file ingested", "file rejected")]
    batches = [e for e in logged if e["event"] == "batch committed"]
    assert {e["file"] for e in files} == {"novas_empresas.csv", "bad.csv", "binary.csv"}
    for entry in files:
        assert entry.keys() - {"reason", "action"} == common | counts | {"file"}
    for entry in batches:
        assert entry.keys() == common | counts | {"files", "files_rejected"}
        own = [e for e in files if e["batch"] == entry["batch"]]
        assert len(own) == entry["files"]
        assert {c: sum(e[c] for e in own) for c in counts} == {c: entry[c] for c in counts}
    last = ran.program("redis", "cli", "get", "ingest:commit").stdout
    assert last.startswith(batches[-1]["batch"])


def test_a_run_leaves_its_metrics_in_the_file_that_is_set(ran: Ran) -> None:
    lines = (ran.program.directory / "run.prom").read_text().splitlines()
    assert 'city_features_files_total{outcome="ingested"} 2.0' in lines
    assert 'city_features_files_total{outcome="rejected"} 1.0' in lines
    assert 'city_features_rows_total{outcome="new"} 6.0' in lines
    assert "city_features_backlog_files 0.0" in lines
    assert "city_features_redis_up 1.0" in lines


def test_a_run_that_fails_leaves_its_metrics_too(ran: Ran) -> None:
    ran.program("redis", "cli", "set", "ingest:format", "1")
    try:
        ran.program("run", code=1, METRICS_TEXTFILE="failed.prom")
    finally:
        ran.program("redis", "cli", "set", "ingest:format", "2")
    lines = (ran.program.directory / "failed.prom").read_text().splitlines()
    assert "city_features_format 1.0" in lines
    assert 'city_features_files_total{outcome="ingested"} 0.0' in lines


def test_show_gives_the_features_of_the_example(ran: Ran) -> None:
    features = ran.program.inside.json("show")["features"]
    assert {
        f["key"]: (f["capital_social_total"], f["quantidade_empresas"], f["capital_social_medio"])
        for f in features
    } == TOTALS
    for f in features:
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
        assert (f["cidade"], f["estado"]) == PLACES.get(f["key"], (cidade, estado or None))
        at = datetime.fromisoformat(f["atualizado_em"])
        assert at.utcoffset() == timedelta(0)
        assert ran.began < at < datetime.now().astimezone()


def test_show_gives_one_city_or_the_largest(ran: Ran) -> None:
    keys = [f["key"] for f in ran.program.inside.json("show", "São Paulo")["features"]]
    assert keys == ["São Paulo", "São Paulo/SP"]
    keys = [f["key"] for f in ran.program.inside.json("show", "--top", "2")["features"]]
    assert keys == ["Rio de Janeiro/RJ", "São Paulo/SP"]
    text = ran.program.inside("show", "Belo Horizonte").stdout
    assert "Belo Horizonte/MG" in text
    assert "30000.00" in text


def test_show_of_a_city_that_is_not_there_fails_with_a_line(ran: Ran) -> None:
    done = ran.program.inside("show", "Nowhere", code=1)
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
    document = ran.program.inside.json("run")  # with no Spark given
    assert document["files"] == []
    assert [document[k] for k in ("read", "new", "duplicates", "rejected")] == [0, 0, 0, 0]


def test_status_gives_one_object_of_what_was_ingested_and_waits(ran: Ran) -> None:
    document = ran.program.inside.json("status")
    assert (document["ingested"], document["rejected"]) == (2, 1)
    assert (document["waiting"], document["changed"]) == ([], [])
    assert document["backlog"] == {"files": 0, "bytes": 0}
    assert document["rows"] == {"read": 9, "new": 6, "duplicates": 0, "rejected": 3}
    assert document["freshness"]["seconds_since"] > 0
    zone = ran.program.directory / "landing_zone"
    (zone / "late.csv").write_text("later")
    try:
        document = ran.program.inside.json("status")
        assert document["waiting"] == ["late.csv"]
        assert document["backlog"] == {"files": 1, "bytes": 5}
    finally:
        (zone / "late.csv").unlink()
    assert "ingested" in ran.program.inside("status").stdout


def test_check_finds_everything_right_with_the_server_of_its_own(ran: Ran) -> None:
    document = ran.program.inside.json("check")
    assert list(document) == ["ok", "checks"]
    assert document["ok"] is True
    assert all(list(c) == ["name", "ok", "detail"] and c["ok"] is True for c in document["checks"])
    names = {c["name"] for c in document["checks"]}
    assert {"java", "redis: reachable", "redis: AOF", "redis: noeviction", "redis: writable"} <= names
    assert {"redis: version", "redis: not a cluster", "landing zone", "checkpoints"} <= names


def test_check_fails_and_says_what_lacks(ran: Ran) -> None:
    document = ran.program.inside.json("check", code=1, JAVA_HOME="/nowhere", LANDING_ZONE="nowhere")
    assert document["ok"] is False
    assert {c["name"] for c in document["checks"] if not c["ok"]} == {
        "java",
        "landing zone",
        "quarantine",
    }


def test_quarantine_gives_the_rejected_rows_and_files(ran: Ran) -> None:
    document = ran.program.inside.json("quarantine")
    lines = BAD.splitlines()
    assert sorted(document["rows"], key=lambda r: lines.index(r["raw"])) == [
        {"file": "bad.csv", "reason": "capital_social: negative", "raw": lines[1]},
        {"file": "bad.csv", "reason": "cnpj: malformed", "raw": lines[2]},
        {"file": "bad.csv", "reason": "cidade: one of : / { }", "raw": lines[3]},
    ]
    assert [file["file"] for file in document["files"]] == ["binary.csv"]
    assert ran.program.inside.json("quarantine", "novas_empresas.csv") == {"rows": [], "files": []}
    assert "capital_social: negative" in ran.program.inside("quarantine").stdout


def test_redis_cli_shows_what_redis_holds(ran: Ran) -> None:
    lines = ran.program.inside("redis", "cli", "hgetall", "São Paulo").stdout.splitlines()
    values = dict(zip(lines[::2], lines[1::2], strict=True))
    values.pop("atualizado_em")
    assert values == {
        "capital_social_total": "195000.00",
        "quantidade_empresas": "3",
        "capital_social_medio": "65000.00",
    }
    assert ran.program.inside("redis", "cli", "get", "no such key").stdout == "(nil)\n"
    failed = ran.program.inside("redis", "cli", "hgetall", "ingest:version", code=1)
    assert failed.stderr.startswith("error: ")
    assert "WRONGTYPE" in failed.stderr


def test_the_server_of_its_own_stops_and_comes_back_with_its_data(ran: Ran) -> None:
    url = ran.program.inside("redis", "url").stdout.strip()
    assert url.startswith("redis://127.0.0.1:")
    port = int(url.rpartition(":")[2].partition("/")[0])
    assert ran.program.inside("redis", "stop").stdout == "the server in redis stopped\n"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert ran.program.inside("redis", "stop").stdout == "the server in redis was not running\n"
    output = ran.program.inside("redis", "cli", "hget", "São Paulo", "capital_social_total").stdout
    assert output == "195000.00\n"


def test_the_same_content_under_the_same_name_is_said_and_not_copied(
    program: Program, settings: Settings
) -> None:
    source = program.directory / "a.csv"
    source.write_text(oracle.text([row(1)]))
    assert program.inside.json("drop", "a.csv", "--as", "b.csv") == {
        "dropped": [{"source": "a.csv", "path": "b.csv", "copied": True}]
    }
    before = local.stat_file(settings.landing_zone, "b.csv")
    assert program.inside.json("drop", "a.csv", "--as", "b.csv") == {
        "dropped": [{"source": "a.csv", "path": "b.csv", "copied": False}]
    }
    assert local.stat_file(settings.landing_zone, "b.csv") == before
    assert "same content" in program.inside("drop", "a.csv", "--as", "b.csv").stdout
    assert [p.name for p in settings.landing_zone.iterdir()] == ["b.csv"]


def test_other_content_under_the_same_name_gets_a_new_name(program: Program, settings: Settings) -> None:
    first, second = oracle.text([row(1)]), gzip.compress(oracle.text([row(2)]).encode())
    (settings.landing_zone / "a.csv.gz").write_bytes(gzip.compress(first.encode()))
    (program.directory / "a.csv.gz").write_bytes(second)
    (dropped,) = program.inside.json("drop", "a.csv.gz")["dropped"]
    assert dropped["copied"] is True
    assert dropped["path"] != "a.csv.gz"
    assert dropped["path"].endswith(".csv.gz")
    assert (settings.landing_zone / dropped["path"]).read_bytes() == second
    assert gzip.decompress((settings.landing_zone / "a.csv.gz").read_bytes()).decode() == first
    assert len(list(settings.landing_zone.iterdir())) == 2


def test_help_of_every_command_has_a_line_for_each_and_an_example() -> None:
    def shown(*arguments: str) -> str:
        return CliRunner().invoke(app, [*arguments, "--help"]).stdout

    output = shown()
    for command in ("drop", "run", "show", "status", "check", "quarantine", "redis"):
        assert command in output
    for command in ("drop", "run", "show", "status", "check", "quarantine"):
        assert "Example" in shown(command), command
