"""Temporary directories: those of killed processes go, those of living ones stay."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from streaming import scratch
from streaming.errors import EnvironmentRefused
from tests.harness import ROOT

MAKE = """
import pathlib, sys
from streaming import scratch
print(scratch.make(pathlib.Path({!r})), flush=True)
sys.stdin.read()
"""


def another(directory: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Return a process that has made a directory and waits, and that directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE.format(str(directory))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().rstrip("\n"))


def test_the_directory_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    killed, leftover = another(tmp_path)
    living, directory = another(tmp_path)
    (leftover / "spark-1").mkdir()
    (leftover / "spark-1" / "blocks").write_text("x")
    others = [tmp_path / "city-features-of-a-version-before", tmp_path / "city-features-x.locked.csv"]
    for other in others:
        other.mkdir()
    killed.kill()
    killed.wait()

    made = scratch.make(tmp_path)

    with living:
        assert sorted(tmp_path.iterdir()) == sorted([directory, made, *others])
        living.kill()
    scratch.remove(made)
    assert sorted(tmp_path.iterdir()) == sorted([directory, *others])


def test_the_directory_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "city-features-another.locked"
    directory.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)

    scratch.remove(scratch.make(tmp_path))

    assert directory.exists()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "city-features-link.locked").symlink_to(tmp_path / "theirs")

    scratch.remove(scratch.make(tmp_path))

    assert (tmp_path / "theirs").exists()


@pytest.mark.parametrize("name", ["a b", "São", "a,b", "a:b", os.fsdecode(b"\xff"), "a\nb", "$x"])
def test_a_directory_has_a_plain_name_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    made = scratch.make(tmp_path / name)

    plain = scratch.plain(made)

    assert plain == f"/proc/{os.getpid()}/fd/{plain.rpartition('/')[2]}"
    assert Path(plain).samefile(made)
    scratch.remove(made)


def test_somebody_elses_spark_local_dirs_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comma = tmp_path / "a,b"
    comma.mkdir()
    places = {f"{tmp_path},/other": tmp_path, str(comma): comma, str(tmp_path / "nothing"): None}

    for value, place in places.items():
        monkeypatch.setenv("SPARK_LOCAL_DIRS", value)
        assert scratch.parent() == (place or Path(tempfile.gettempdir()))


def test_a_temporary_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=r"nothing cannot be written: No such file.*TMPDIR"):
        scratch.make(tmp_path / "nothing")
