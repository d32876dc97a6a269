"""An archive on another file system, or that cannot be written: nothing is lost, or counted twice."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streaming.domain.cells import Cell, Sums
from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.jobs import checks
from streaming.landing import local, moving, quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline import directory_archive as archive
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings, load
from streaming.store.store import Store
from tests.chaos.disk import AS_ROOT
from tests.harness import Program

CONTENT = b"cnpj\n" + b"1" * 100_000
OTHER = b"cnpj\nanother one, of the same name\n"
WRITES = {"os.rename", "os.remove", "os.mkdir", "os.utime", "os.link"}

pytestmark = pytest.mark.mount


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return load(**{**settings.model_dump(), "archive": True, "_env_file": None})


def mounted(directory: Path, *options: str) -> None:
    directory.mkdir(exist_ok=True)
    subprocess.run([*AS_ROOT, "mount", *options, str(directory)], check=True)
    subprocess.run([*AS_ROOT, "chmod", "777", str(directory)], check=False)


def unmounted(directory: Path) -> None:
    subprocess.run([*AS_ROOT, "umount", str(directory)], check=True)


@pytest.fixture
def elsewhere(settings: Settings) -> Iterator[Path]:
    """An archive that is a small file system of its own."""
    directory = settings.landing_zone / "_archive"
    mounted(directory, "-t", "tmpfs", "-o", "size=1M", "tmpfs")
    yield directory
    unmounted(directory)


def counted(settings: Settings, store: Store, content: bytes = CONTENT, name: str = "a.csv") -> File:
    """Let a file be as one that was counted, with a rejected row."""
    (settings.landing_zone / name).write_bytes(content)
    os.utime(settings.landing_zone / name, ns=(1, 1_700_000_000_123_456_789))
    file = local.stat_file(settings.landing_zone, name)
    assert file is not None
    version = store.version()
    record = Record(
        file.size, file.mtime, 1, 0, 0, 1, "ingested", version + 1, "2026-01-01T00:00:00+00:00"
    )
    store.merge(
        Commit(
            version,
            record.at,
            {Cell("Natal", "RN", "2026-10", "capital_0"): Sums(Decimal(1), 1)},
            {},
            {name: record},
        )
    )
    quarantine.write(LocalFolder(settings.quarantine_dir), name, [("no", "raw")])
    return file


def inside(settings: Settings) -> dict[str, bytes]:
    """Return every file of landing zone and archive with its content, but locks and rejected rows."""
    zone = settings.landing_zone
    files = (p for p in zone.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(zone)): p.read_bytes() for p in files if "_quarantine" not in p.parts}


def in_place(settings: Settings, store: Store, file: File) -> None:
    """Assert that this file is in the archive with its record and rejected rows, and nothing else is."""
    home = archive.archive_paths(file)[0]
    assert sorted(inside(settings)) == [home]
    assert inside(settings)[home] == CONTENT
    assert list(store.records()) == [home]
    assert [row["file"] for row in quarantine.rows(LocalFolder(settings.quarantine_dir))] == [home]
    assert archive.DirectoryArchive(settings, store).located(store.records()) == {
        home: file._replace(path=home)
    }


def in_child(settings: Settings, step: int, act: Callable[[], None]) -> bool:
    """Sweep in another process that acts before its change of this number; return if it came to that."""
    pid = os.fork()
    if pid == 0:
        changes = 0

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal changes
            if event in WRITES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                changes += 1
                if changes == step:
                    act()

        code = 1
        try:
            assert settings.redis_url is not None
            store = Store(settings.redis_url.get_secret_value(), settings)
            sys.addaudithook(watch)
            archive.sweep(settings, store)
            code = 3 if changes >= step else 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 3, 9), code
    return code != 0


def swept_in_vain(settings: Settings, store: Store) -> list[str]:
    """Assert that no file waits and that three sweeps move none; return the reasons logged meanwhile."""
    with capture_logs() as logs:
        assert waiting(settings, store) == []
        assert [archive.sweep(settings, store) for _ in range(3)] == [0, 0, 0]
    return [entry["reason"] for entry in logs]


def test_a_counted_file_is_copied_as_it_is_and_its_landed_one_goes(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    file = counted(settings, store)
    (settings.landing_zone / "a.csv").chmod(0o640)

    assert archive.sweep(settings, store) == 1

    in_place(settings, store, file)
    assert (settings.landing_zone / archive.archive_paths(file)[0]).stat().st_mode & 0o777 == 0o640
    assert waiting(settings, store) == []
    assert archive.sweep(settings, store) == 0


def test_killed_at_any_step_it_is_counted_once_and_moved_by_the_next(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    step = 0
    going = True
    while going:
        step += 1
        store.client.flushall()
        for path in inside(settings):
            (settings.landing_zone / path).unlink()
        quarantine.keep(LocalFolder(settings.quarantine_dir), [])
        file = counted(settings, store)

        going = in_child(settings, step, lambda: os._exit(9))

        assert waiting(settings, store) == [], step
        (location,) = archive.DirectoryArchive(settings, store).located(store.records()).values()
        assert (settings.landing_zone / location.path).read_bytes() == CONTENT, step
        archive.sweep(settings, store)
        in_place(settings, store, file)
        assert waiting(settings, store) == []
    assert step > 12


def test_a_file_put_in_its_place_at_any_step_is_never_lost(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    zone = settings.landing_zone

    def replace() -> None:
        (zone / ".new").write_bytes(OTHER)
        (zone / ".new").rename(zone / "a.csv")

    step = 0
    going = True
    while going:
        step += 1
        store.client.flushall()
        for path in inside(settings):
            (zone / path).unlink()
        counted(settings, store)

        going = in_child(settings, step, replace)

        archive.sweep(settings, store)
        if going:
            assert inside(settings)["a.csv"] == OTHER, step
            assert [file.path for file in waiting(settings, store)] == ["a.csv"], step
            assert not [path for path in inside(settings) if "/." in f"/{path}"], step
    assert step > 12


def test_the_same_file_sent_again_after_a_kill_is_not_taken_for_the_landed_one(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    """Same name, size and time, but other bytes."""
    file = counted(settings, store)
    archive.sweep(settings, store)
    home = archive.archive_paths(file)[0]
    moving._note(settings.landing_zone, moving.Move("a.csv", home, ".x.archived"))
    again = settings.landing_zone / "a.csv"
    again.write_bytes(CONTENT[:-1] + b"2")
    os.utime(again, ns=(1, file.mtime))

    archive.sweep(settings, store)

    assert inside(settings) == {home: CONTENT, "a.csv": CONTENT[:-1] + b"2"}
    assert [file.path for file in waiting(settings, store)] == ["a.csv"]


@pytest.mark.parametrize("home", ["_archive/../x/a.csv", "../x/y/a.csv", "_archive/2026-01/../a.csv"])
def test_a_journal_of_somebody_else_leads_nowhere(
    settings: Settings, store: Store, elsewhere: Path, home: str
) -> None:
    moving._note(settings.landing_zone, moving.Move("a.csv", home, ".x.archived"))
    assert moving.unfinished(settings.landing_zone) is None
    file = counted(settings, store)
    archive.sweep(settings, store)
    in_place(settings, store, file)


def test_a_full_archive_is_named_once_and_the_file_comes_later(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    (elsewhere / "filler").write_bytes(bytes(1_000_000))
    file = counted(settings, store)
    (reason,) = swept_in_vain(settings, store)

    assert "No space left" in reason
    assert list(store.records()) == ["a.csv"]
    assert waiting(settings, store) == []
    (elsewhere / "filler").unlink()
    archive.sweep(settings, store)
    in_place(settings, store, file)


def test_a_read_only_archive_is_named_once_and_the_file_comes_later(
    settings: Settings, store: Store, elsewhere: Path
) -> None:
    file = counted(settings, store)
    subprocess.run([*AS_ROOT, "mount", "-o", "remount,ro", str(elsewhere)], check=True)
    (reason,) = swept_in_vain(settings, store)

    assert "Read-only file system" in reason
    assert (list(store.records()), waiting(settings, store)) == (["a.csv"], [])
    (check,) = [c for c in checks.run(settings, lambda: store) if c.name == "archive"]
    assert not check.ok and "Read-only file system" in check.detail
    subprocess.run([*AS_ROOT, "mount", "-o", "remount,rw", str(elsewhere)], check=True)
    archive.sweep(settings, store)
    in_place(settings, store, file)


@pytest.mark.parametrize("kind", ["a file", "a link"])
def test_what_is_no_directory_is_named_once_and_left_alone(
    settings: Settings, store: Store, tmp_path: Path, kind: str
) -> None:
    file = counted(settings, store)
    directory = settings.landing_zone / "_archive"
    (tmp_path / "outside").mkdir()
    directory.touch() if kind == "a file" else directory.symlink_to(tmp_path / "outside")
    (reason,) = swept_in_vain(settings, store)

    assert "not a directory" in reason
    assert list((tmp_path / "outside").iterdir()) == []
    directory.unlink()
    archive.sweep(settings, store)
    in_place(settings, store, file)


def test_a_file_system_of_coarser_times_keeps_no_file(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    """ext2 with small inodes knows seconds, FAT every other one: there a file would be another."""
    (tmp_path / "image").write_bytes(bytes(1_000_000))
    subprocess.run(["/sbin/mkfs.ext2", "-q", "-I", "128", tmp_path / "image"], check=True)
    directory = settings.landing_zone / "_archive"
    counted(settings, store)
    mounted(directory, "-o", "loop", str(tmp_path / "image"))
    try:
        with capture_logs() as logs:
            assert archive.sweep(settings, store) == 0
        (check,) = [c for c in checks.run(settings, lambda: store) if c.name == "archive"]
        assert inside(settings) == {"a.csv": CONTENT}
    finally:
        unmounted(directory)

    assert ["does not keep the time" in entry["reason"] for entry in logs] == [True]
    assert not check.ok and "nanosecond" in check.detail
    assert (list(store.records()), waiting(settings, store)) == (["a.csv"], [])


def test_a_check_says_that_files_are_copied(settings: Settings, store: Store, elsewhere: Path) -> None:
    (check,) = [c for c in checks.run(settings, lambda: store) if c.name == "archive"]
    assert check.ok and check.detail.endswith("on another file system: files are copied there")


def test_what_else_lies_on_an_archive_volume_is_left_alone(
    settings: Settings, store: Store, program: Program, elsewhere: Path
) -> None:
    counted(settings, store)
    archive.sweep(settings, store)
    (elsewhere / "lost+found").mkdir()
    (elsewhere / "lost+found").chmod(0)
    program.powerless = True

    assert program.json("status", ARCHIVE="on")["waiting"] == []
