"""When a file is whole: never with half a row in it, however its times look."""

import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streaming.domain.file import File
from streaming.landing import dropping, local, settling
from streaming.landing.settling import Settling

HALF = "a\nx,RN,10"


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """An empty landing zone."""
    made = tmp_path / "landing_zone"
    made.mkdir()
    return made


def now(zone: Path, name: str = "x.csv") -> File:
    file = local.stat_file(zone, name)
    assert file is not None
    return file


def written(zone: Path, content: str, age: float = 0, name: str = "x.csv") -> File:
    """Write a file as a slow writer would: nothing happens for `age` seconds after the last write."""
    (zone / name).write_text(content)
    time.sleep(age)
    return now(zone, name)


def settled(zone: Path, file: File, seconds: float) -> bool:
    """Return what a service that has never seen this file says."""
    return Settling(zone, seconds).settled(file)


# Whole lines.


def test_a_file_just_written_is_not_whole(zone: Path) -> None:
    assert not settled(zone, written(zone, "a\n"), 5)


def test_a_file_quiet_for_long_enough_is_whole(zone: Path) -> None:
    file = written(zone, "a\n", 0.15)

    assert settled(zone, file, 0.1)
    assert not settled(zone, file, 10)


@pytest.mark.parametrize(("name", "content"), [("x.csv", "a\r"), ("x.csv", "a\r\n"), ("x.csv.gz", "a")])
def test_other_line_ends_count_and_gzip_has_none(zone: Path, name: str, content: str) -> None:
    assert settled(zone, written(zone, content, 0.15, name), 0.1)


def test_a_file_renamed_in_is_whole_at_once(zone: Path) -> None:
    written(zone, "a\n", 0.02, ".x.part")
    (zone / ".x.part").rename(zone / "x.csv")

    assert settled(zone, now(zone), 3600)


@pytest.mark.parametrize("at", [1_000_000_000, time.time() + 86_400], ids=["past", "future"])
def test_a_file_copied_with_its_times_is_whole_at_once(zone: Path, at: float) -> None:
    (zone / "x.csv").write_text("a\n")
    os.utime(zone / "x.csv", (at, at))

    assert settled(zone, now(zone), 3600)


def test_a_growing_file_is_whole_only_when_its_writer_is_done(zone: Path) -> None:
    with (zone / "x.csv").open("w") as writer:
        for n in range(5):
            writer.write(f"{n}\n")
            writer.flush()
            time.sleep(0.03)
            assert not settled(zone, now(zone), 0.5), n
    file = now(zone)
    time.sleep(0.55)

    assert settled(zone, file, 0.5)


def test_a_file_that_grew_shrank_or_was_touched_since_is_not_whole(zone: Path) -> None:
    (zone / "x.csv").write_text("a\n")
    os.utime(zone / "x.csv", ns=(0, 5))
    file = now(zone)
    assert settled(zone, file, 0)

    assert not settled(zone, File(file.mtime, file.path, file.size - 1), 0)
    assert not settled(zone, File(file.mtime, file.path, file.size + 1), 0)
    assert not settled(zone, File(file.mtime + 1, file.path, file.size), 0)
    with (zone / "x.csv").open("a") as writer:
        writer.write("b\n")
    assert not settled(zone, file, 0)


def test_a_file_that_is_gone_is_not_whole(zone: Path) -> None:
    assert not settled(zone, File(1, "gone.csv", 1), 0)


def test_what_is_no_file_is_not_waited_for(zone: Path) -> None:
    (zone / "directory.csv").mkdir()
    (zone / "dangling.csv").symlink_to("nowhere")
    os.mkfifo(zone / "pipe.csv")

    for name in ("directory.csv", "dangling.csv", "pipe.csv"):
        assert settled(zone, now(zone, name), 3600), name


def test_an_empty_file_may_just_have_been_made(zone: Path) -> None:
    file = written(zone, "", 0.11)
    assert not settled(zone, file, 10)
    assert settled(zone, file, 0.02)


def test_a_file_written_by_a_clock_ahead_of_ours_is_watched(
    zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(zone, "a\n")
    monkeypatch.setattr(time, "time", lambda: file.mtime / 1e9 - 20)  # ours is 20 s behind
    watcher = Settling(zone, 0.1)

    assert not watcher.settled(file)
    time.sleep(0.11)
    assert watcher.settled(file)


# Half a row.


def touched(path: Path) -> None:
    os.utime(path, (time.time() - 3600,) * 2)


def ahead(path: Path) -> None:
    os.utime(path, (time.time() + 20,) * 2)


def linked(path: Path) -> None:
    os.link(path, path.with_name("other"))


def renamed(path: Path) -> None:
    path.rename(path.with_name("other")).rename(path)


DONE_TO_IT: list[Callable[[Path], None]] = [
    lambda path: None,
    lambda path: path.chmod(0o640),
    lambda path: os.chown(path, os.getuid(), os.getgid()),
    lambda path: os.setxattr(path, "user.note", b"x"),
    touched,
    ahead,
    linked,
    renamed,
]


@pytest.mark.parametrize("act", DONE_TO_IT)
def test_half_a_row_is_waited_for_whatever_is_done_to_it(
    zone: Path, act: Callable[[Path], None]
) -> None:
    written(zone, HALF, 0.02)
    act(zone / "x.csv")
    watcher = Settling(zone, 3600)

    assert not watcher.settled(now(zone))
    assert not watcher.settled(now(zone))


def test_half_a_row_is_taken_after_five_times_as_long_with_one_warning(zone: Path) -> None:
    file = written(zone, HALF)
    watcher = Settling(zone, 0.02)
    with capture_logs() as logs:
        assert not watcher.settled(file)
        time.sleep(0.11)
        assert watcher.settled(file)
        assert watcher.settled(file)

    assert [(entry["log_level"], entry["file"]) for entry in logs] == [("warning", "x.csv")]


def test_half_a_row_that_grows_or_is_replaced_is_waited_for_anew(zone: Path) -> None:
    watcher = Settling(zone, 0.02)
    assert not watcher.settled(written(zone, HALF))
    time.sleep(0.11)
    assert not watcher.settled(written(zone, HALF + "0"))
    time.sleep(0.11)
    file = now(zone)
    (zone / ".y").write_text(HALF + "1")
    os.utime(zone / ".y", ns=(file.mtime, file.mtime))
    (zone / ".y").rename(zone / "x.csv")
    assert now(zone) == file
    assert not watcher.settled(file)


def test_a_jump_of_the_wall_clock_ends_no_wait(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(zone, HALF)
    watcher = Settling(zone, 60)
    assert not watcher.settled(file)
    monkeypatch.setattr(time, "time", lambda: file.mtime / 1e9 + 86_400)

    assert not watcher.settled(file)


def test_a_file_that_can_not_be_read_may_end_in_half_a_row(
    zone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executors may read what the driver may not."""
    file = written(zone, "a\n", 0.05)
    (zone / "x.csv").chmod(0)

    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refused)  # root may read anything
    assert not settled(zone, file, 0.02)


def test_files_that_are_gone_are_forgotten(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "FEW", 3)
    watcher = Settling(zone, 60)
    for n in range(5):
        watcher.settled(written(zone, HALF, name=f"{n}.csv"))
        if n:
            (zone / f"{n}.csv").unlink()

    assert list(watcher._sights) == ["0.csv", "3.csv", "4.csv"]


def test_a_dropped_file_is_whole_whatever_it_ends_with_until_it_changes(
    zone: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(HALF)
    dropping.drop(tmp_path / "x.csv", zone)
    assert settled(zone, now(zone, "x.csv"), 3600)
    (zone / "x.csv").chmod(0o600)
    assert settled(zone, now(zone, "x.csv"), 3600)

    with (zone / "x.csv").open("a") as writer:
        writer.write("1")
    assert not settled(zone, now(zone, "x.csv"), 3600)


def test_half_a_row_inside_gzip_is_waited_for_too(zone: Path) -> None:
    """A writer may append members: each is whole gzip, and may end in half a row."""
    half, whole = gzip.compress(HALF.encode()), gzip.compress((HALF + "00.00\n").encode())
    for name, content in (("half.csv.gz", half), ("HALF.CSV.GZ", half + half), ("x.csv.gz", whole)):
        (zone / name).write_bytes(content)
        finished_off(zone / name)
    watcher = Settling(zone, 0.02)
    files_ = {name: now(zone, name) for name in ("half.csv.gz", "HALF.CSV.GZ", "x.csv.gz")}

    assert [watcher.settled(file) for file in files_.values()] == [False, False, True]
    time.sleep(0.15)
    assert all(watcher.settled(file) for file in files_.values())


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"a" * 99)[:-9]], ids=["none", "cut"])
def test_a_broken_gzip_file_is_rejected_not_waited_for(zone: Path, content: bytes) -> None:
    (zone / "x.csv.gz").write_bytes(content)
    finished_off(zone / "x.csv.gz")

    assert settled(zone, now(zone, "x.csv.gz"), 3600)


def finished_off(path: Path) -> None:
    """Change the inode visibly after the last write, as a chmod does."""
    time.sleep(0.02)
    path.chmod(0o600)
