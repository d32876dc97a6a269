"""A power loss takes nothing from landing zone and quarantine that somebody was told is safe."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streaming.landing import local, quarantine
from streaming.landing.dropping import drop
from streaming.landing.local_folder import LocalFolder
from streaming.reading import worker
from streaming.reading.messages import Rules, TaskResources
from tests.chaos.volume import NAMES_FIRST, ORDERED, SIZES_FIRST, Volume, lose_power
from tests.sources import laid

ROWS = [("wrong", "a,b"), ("wrong", "c,d")]
RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"

pytestmark = pytest.mark.mount


@pytest.fixture(params=[ORDERED, NAMES_FIRST, SIZES_FIRST])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Volume]:
    """A disk that loses data in one of the ways a disk may, and is mounted at `at`."""
    volume = Volume(tmp_path / "image", tmp_path / "disk", size=16 * 1024 * 1024)
    volume.unmount()
    volume.mount(request.param)
    yield volume
    volume.unmount()


def cut(volume: Volume) -> None:
    """Lose the power, and start again."""
    lose_power([volume])
    volume.unmount()
    volume.mount(ORDERED)


def raws(directory: Path) -> dict[str, list[str]]:
    """Return the rejected rows by file."""
    rows: dict[str, list[str]] = {}
    for entry in quarantine.rows(LocalFolder(directory)):
        rows.setdefault(entry["file"], []).append(entry["raw"])
    return rows


def test_what_was_not_flushed_is_lost_so_these_tests_can_fail(disk: Volume) -> None:
    (disk.at / "flushed").write_text("content")
    local.flush(disk.at)
    (disk.at / "not").write_text("content")
    cut(disk)
    assert (disk.at / "flushed").read_text() == "content"
    assert not (disk.at / "not").exists()


def test_a_dropped_file_is_there_with_its_content(disk: Volume, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER)
    assert drop(tmp_path / "a.csv", disk.at) == ("a.csv", True)
    cut(disk)
    assert (disk.at / "a.csv").read_text() == HEADER


def test_rejected_rows_are_safe_when_their_file_was_read(disk: Volume, tmp_path: Path) -> None:
    [source] = laid(tmp_path, [HEADER + "1,2\n3,4\n"])
    list(worker.summarise([source], RULES, LocalFolder(disk.at / "q"), TaskResources()))
    cut(disk)
    assert raws(disk.at / "q") == {source.file.path: ["1,2", "3,4"]}


def test_rejected_rows_are_once_under_the_new_name_of_their_file(disk: Volume) -> None:
    quarantine.write(LocalFolder(disk.at / "q"), "a.csv", ROWS)
    local.flush(disk.at)
    assert quarantine.rename(LocalFolder(disk.at / "q"), {"a.csv": "_archive/2026-11/a.csv"}) == {}
    cut(disk)
    assert raws(disk.at / "q") == {"_archive/2026-11/a.csv": ["a,b", "c,d"]}
