"""An environment that is about somebody else's Spark, or lacks what Spark takes for granted."""

import json
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streaming.settings import Settings
from tests.harness import Program, Zone, row

OLD = """#!/bin/sh
echo 'Picked up _JAVA_OPTIONS: -Dx="17"' >&2
echo 'openjdk version "1.8.0_392"' >&2
"""

# A user without an entry in passwd, on a machine whose name does not resolve.
NAMELESS = ["unshare", "--user", "--map-user=54321", "--map-group=54321", "--uts", "--keep-caps"]
NAMELESS += ["sh", "-c", 'hostname nowhere.invalid; exec "$@"', "sh"]


@pytest.fixture
def zone(settings: Settings, server_url: str) -> Zone:
    """The landing zone and the Redis of the program."""
    return Zone(settings, server_url)


def test_somebody_elses_spark_a_nameless_user_and_machine_are_no_matter(
    program: Program, zone: Zone, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.master yarn\nspark.hadoop.fs.defaultFS hdfs://no:1\n"
    )
    theirs = {
        "SPARK_HOME": "/nowhere",
        "SPARK_REMOTE": "sc://nowhere",
        "SPARK_CONF_DIR": str(tmp_path),
        "HADOOP_CONF_DIR": str(tmp_path),
        "SPARK_LOCAL_DIRS": "/nowhere",
        "SPARK_CONNECT_MODE_ENABLED": "1",
        "PYSPARK_SUBMIT_ARGS": "--master yarn nothing",
        "PYSPARK_PYTHON": "/nowhere",
        "MASTER": "yarn",
        "JAVA_TOOL_OPTIONS": '-Dsome.option="quoted"',
        "HOME": "/nowhere",
        "LC_ALL": "C",
    }
    landed = zone.put("São João.csv", [row(1)])
    if subprocess.run([*NAMELESS, "true"], capture_output=True).returncode == 0:  # not in every sandbox
        program.command = [*NAMELESS, *program.command]

    done = program("run", "--json", timeout=240, **theirs)

    zone.holds(landed)
    assert json.loads(done.stdout)["new"] == 1
    assert "spark" not in done.stderr, done.stderr


@pytest.fixture
def java(tmp_path: Path) -> Iterator[Path]:
    """A JAVA_HOME whose java is Java 8."""
    program = tmp_path / "java8" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(OLD)
    program.chmod(0o755)
    yield tmp_path / "java8"


@pytest.mark.parametrize(
    ("home", "line"),
    [
        ("java8", "java8/bin/java is Java 1.8.0_392, older than 17; install Java 17 or newer"),
        ("nothing", "nothing; unset JAVA_HOME, or set it to Java 17 or newer"),
    ],
)
def test_a_java_that_spark_cannot_use_is_named_in_one_line(
    program: Program, zone: Zone, java: Path, home: str, line: str
) -> None:
    zone.put("a.csv", [row(1)])
    java_home = str(java.parent / home)

    done = program("run", code=1, JAVA_HOME=java_home)
    checked = program.json("check", code=1, JAVA_HOME=java_home)

    assert len(done.stderr.splitlines()) == 1
    assert line in done.stderr
    assert {c["name"] for c in checked["checks"] if not c["ok"]} == {"java"}


def test_too_few_open_files_are_named_in_one_line(program: Program, zone: Zone) -> None:
    zone.put("a.csv", [row(1)])
    program.command = ["prlimit", "--nofile=256:256", *program.command]

    done = program("run", code=1)
    checked = program.json("check", code=1)

    assert done.stderr.startswith("error: only 256 files may be open at once, Spark needs 512; raise it")
    assert len(done.stderr.splitlines()) == 1
    assert [c["name"] for c in checked["checks"] if not c["ok"]] == ["open files"]


def test_a_low_limit_of_open_files_is_raised_where_it_may_be(program: Program) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    program.command = ["prlimit", f"--nofile=256:{hard}", *program.command]

    [limit] = [c for c in program.json("check")["checks"] if c["name"] == "open files"]

    assert limit["ok"]


def test_a_temporary_directory_that_cannot_be_written_is_found(program: Program, tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    program.powerless = True

    checked = program.json("check", SPARK_LOCAL_DIRS=str(shut))

    [temporary] = [c for c in checked["checks"] if c["name"] == "temporary directory"]
    assert f"SPARK_LOCAL_DIRS={shut} cannot be written, is not used" in temporary["detail"]
    assert list(shut.iterdir()) == []
