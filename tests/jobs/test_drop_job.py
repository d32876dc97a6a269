"""What is dropped, and the checks that keep a run from counting."""

from pathlib import Path

import pytest

from streaming.domain.results import Dropped
from streaming.jobs import drop
from streaming.settings import Settings, load


@pytest.fixture
def zone_settings(tmp_path: Path) -> Settings:
    (tmp_path / "zone").mkdir()
    return load(_env_file=None, landing_zone=tmp_path / "zone")


def test_a_drop_tells_from_where_to_where_and_whether_it_copied(
    zone_settings: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "a.csv"
    source.write_text("x\n")

    results = [drop.drop(zone_settings, source, "b.csv") for _ in range(2)]

    assert results == [Dropped(str(source), "b.csv", copied) for copied in (True, False)]


@pytest.mark.parametrize("kind", ["missing", "link", "directory"])
def test_a_source_that_is_no_file_is_refused_with_those_that_are(tmp_path: Path, kind: str) -> None:
    (tmp_path / "b.csv").write_text("x\n")
    if kind == "link":
        (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    if kind == "directory":
        (tmp_path / "a.csv").mkdir()

    with pytest.raises(FileNotFoundError, match=r"no file 'a\.csv' in .*; there are: .*b\.csv"):
        drop.source_file(tmp_path, "a.csv")
    assert drop.source_file(tmp_path, "b.csv") == tmp_path / "b.csv"
