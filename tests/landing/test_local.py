"""The landing zone: what is looked at, in which order, and how a file gets in."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming import chunks
from streaming.domain.file import File
from streaming.errors import EnvironmentRefused
from streaming.landing import dropping, local
from streaming.landing import names as naming
from streaming.landing.settling import Settling

SECONDS = 10**9


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """An empty landing zone."""
    made = tmp_path / "landing_zone"
    made.mkdir()
    return made


def now(zone: Path, name: str) -> File:
    file = local.stat_file(zone, name)
    assert file is not None
    return file


def test_the_names_looked_at_end_in_csv_or_csv_gz_and_are_not_hidden() -> None:
    names = [
        "x.csv",
        "x.csv.gz",
        "São Paulo.csv",
        "x.y.csv",
        "-.csv",
        "x.CSV",
        "x.csv.GZ",
        "x.csv.bz2",
        "x.csv.tmp",
        "x.csv~",
        "x.txt",
        "x.gz",
        "csv",
        ".x.csv",
        "_x.csv",
        ".csv",
        ".csv.gz",
        "_quarantine",
    ]

    assert [name for name in names if naming.is_ingestable(name)] == [
        "x.csv",
        "x.csv.gz",
        "São Paulo.csv",
        "x.y.csv",
        "-.csv",
        "x.CSV",
        "x.csv.GZ",
    ]


def test_files_are_listed_oldest_first_then_by_path(zone: Path) -> None:
    times = {"c.csv": 5, "b.csv": 7, "a.csv.gz": 7, "d.csv": 7 * SECONDS, "e.csv": 6}
    for name, mtime in times.items():
        (zone / name).write_bytes(b"x" * mtime if mtime < 10 else b"")
        os.utime(zone / name, ns=(0, mtime))
    for name in (".hidden.csv", "_quarantine.csv", "x.txt"):
        (zone / name).write_text("")

    assert local.listing(zone) == [
        File(5, "c.csv", 5),
        File(6, "e.csv", 6),
        File(7, "a.csv.gz", 7),
        File(7, "b.csv", 7),
        File(7 * SECONDS, "d.csv", 0),
    ]


def test_directories_and_links_of_such_names_are_listed_as_themselves(zone: Path) -> None:
    (zone / "directory.csv").mkdir()
    (zone / "dangling.csv").symlink_to("nowhere")
    (zone / "deep").mkdir()
    (zone / "deep" / "x.csv").write_text("")

    assert {f.path for f in local.listing(zone)} == {"directory.csv", "dangling.csv"}
    assert now(zone, "dangling.csv").mtime == (zone / "dangling.csv").lstat().st_mtime_ns


def test_a_listing_and_a_look_agree_also_on_names_that_are_no_utf8(zone: Path) -> None:
    (zone / os.fsdecode(b"\xe3.csv")).write_text("x")

    assert local.listing(zone) == [now(zone, os.fsdecode(b"\xe3.csv"))]


def test_an_empty_landing_zone_lists_nothing_and_a_missing_one_says_what_to_do(zone: Path) -> None:
    assert local.listing(zone) == []
    with pytest.raises(EnvironmentRefused, match="create it or set LANDING_ZONE"):
        local.listing(zone / "missing")


def test_a_file_that_is_gone_is_none(zone: Path) -> None:
    assert local.stat_file(zone, "x.csv") is None


# batches


@given(
    st.lists(st.integers(0, 50), max_size=30),
    st.integers(1, 5),
    st.integers(1, 60),
)
def test_batches_keep_order_and_bounds_and_are_as_large_as_they_may(
    sizes: list[int], most_files: int, most_bytes: int
) -> None:
    given_files = [File(n, f"{n}.csv", size) for n, size in enumerate(sizes)]

    cut = list(chunks.batches_by_size(iter(given_files), most_files, most_bytes))

    assert [file for batch in cut for file in batch] == given_files
    totals = [sum(file.size for file in batch) for batch in cut]
    assert all(1 <= len(batch) <= most_files for batch in cut)
    assert all(t <= most_bytes or len(b) == 1 for b, t in zip(cut, totals, strict=True))
    for batch, total, following in zip(cut, totals, cut[1:], strict=False):
        assert len(batch) == most_files or total + following[0].size > most_bytes


def test_no_files_are_no_batch_and_a_larger_one_stands_alone() -> None:
    small, large = File(1, "a.csv", 1), File(2, "b.csv", 100)

    assert list(chunks.batches_by_size([], 5, 10)) == []
    assert list(chunks.batches_by_size([small, large, small], 5, 10)) == [[small], [large], [small]]


# drop


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to drop."""
    path = tmp_path / "novas.csv"
    path.write_bytes(b"a\nb\r\n\xff\n")
    return path


def names(zone: Path) -> list[str]:
    return sorted(path.name for path in zone.iterdir())


def test_a_dropped_file_is_there_whole_stands_still_and_leaves_nothing_else(
    zone: Path, source: Path
) -> None:
    assert dropping.drop(source, zone) == ("novas.csv", True)

    assert names(zone) == ["novas.csv"]
    assert (zone / "novas.csv").read_bytes() == source.read_bytes()
    assert (zone / "novas.csv").stat().st_nlink == 1
    assert Settling(zone, 3600).settled(now(zone, "novas.csv"))
    assert abs(time.time() - (zone / "novas.csv").stat().st_mtime) < 10


def test_a_file_may_be_dropped_under_another_name(zone: Path, source: Path) -> None:
    assert dropping.drop(source, zone, "other.csv") == ("other.csv", True)
    assert names(zone) == ["other.csv"]


def test_a_file_whose_name_was_taken_is_found_again_under_its_new_name(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.mkdir()
    (zone / "novas.csv").write_text("other")
    source = tmp_path / "novas.csv"
    source.write_text("mine")
    name, copied = dropping.drop(source, zone)
    assert (name != "novas.csv", copied) == (True, True)
    assert dropping.drop(source, zone) == (name, False)
    (zone / name).write_text("changed")
    third, copied = dropping.drop(source, zone)
    assert (len({"novas.csv", name, third}), copied) == (3, True)
    assert len(list(zone.iterdir())) == 3


def test_the_same_name_and_content_is_not_copied_again(zone: Path, source: Path) -> None:
    dropping.drop(source, zone)
    before = now(zone, "novas.csv")

    assert dropping.drop(source, zone) == ("novas.csv", False)

    assert names(zone) == ["novas.csv"]
    assert now(zone, "novas.csv") == before


@pytest.mark.parametrize(
    ("name", "prefix", "suffix"), [("x.csv", "x-", ".csv"), ("x.y.csv.gz", "x.y-", ".csv.gz")]
)
def test_the_same_name_with_other_content_gets_a_new_name(
    zone: Path, source: Path, name: str, prefix: str, suffix: str
) -> None:
    dropping.drop(source, zone, name)
    contents = {source.read_bytes()}
    for content in (b"second", b"third"):
        source.write_bytes(content)
        contents.add(content)

        given_name, copied = dropping.drop(source, zone, name)

        assert copied
        assert given_name.startswith(prefix) and given_name.endswith(suffix)
        assert naming.is_ingestable(given_name)
        assert (zone / given_name).read_bytes() == content
    assert {(zone / n).read_bytes() for n in names(zone)} == contents
    assert len(names(zone)) == 3


@pytest.mark.parametrize("kind", ["directory", "dangling link", "link to the same content"])
def test_a_drop_replaces_and_follows_nothing(zone: Path, source: Path, kind: str) -> None:
    taken = zone / "novas.csv"
    if kind == "directory":
        taken.mkdir()
    else:
        taken.symlink_to("nowhere" if kind == "dangling link" else source)

    name, copied = dropping.drop(source, zone)

    assert copied and name != "novas.csv"
    assert (zone / name).read_bytes() == source.read_bytes()
    assert taken.is_dir() if kind == "directory" else taken.is_symlink()
    assert names(zone) == sorted([name, "novas.csv"])


@pytest.mark.parametrize(
    "name",
    [
        "x.txt",
        "x.CSVX",
        ".x.csv",
        "_x.csv",
        "../x.csv",
        "deep/x.csv",
        "/x.csv",
        ".csv",
        "x.csv/",
        "x.csv/.",
    ],
)
def test_a_name_that_would_not_be_looked_at_is_refused(zone: Path, source: Path, name: str) -> None:
    with pytest.raises(EnvironmentRefused, match=r"would not be looked at: use --as with a plain name"):
        dropping.drop(source, zone, name)

    assert names(zone) == []
    assert names(zone.parent) == ["landing_zone", "novas.csv"]


def test_a_source_that_can_not_be_read_leaves_nothing(zone: Path, tmp_path: Path) -> None:
    (tmp_path / "directory.csv").mkdir()
    for name in ("missing.csv", "directory.csv"):
        with pytest.raises(EnvironmentRefused, match=rf"{name} could not be dropped"):
            dropping.drop(tmp_path / name, zone)

    assert names(zone) == []


def test_a_landing_zone_that_is_missing_is_named(tmp_path: Path, source: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=r"missing is no directory; create it"):
        dropping.drop(source, tmp_path / "missing")


def test_a_drop_where_the_landing_zone_is_a_file_says_so(zone: Path, source: Path) -> None:
    (zone / "file").write_text("")

    with pytest.raises(EnvironmentRefused, match=r"file is no directory; create it"):
        dropping.drop(source, zone / "file")
