"""Files in the landing zone: looked at, whole, dropped; rejected rows; settings."""

import os
import time
from pathlib import Path

import pytest

from streaming import files, quarantine
from streaming.errors import EnvironmentRefused
from streaming.files import File
from streaming.settings import load


def look(landing_zone: Path, name: str) -> File:
    found = files.look(landing_zone, name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("a.csv", True), ("a.csv.gz", True), ("é b.csv", True), ("a.txt", False), ("a.gz", False)),
        *(("_a.csv", False), (".a.csv", False), ("a.csv.tmp", False)),
    ],
)
def test_names_decide_what_is_looked_at(name: str, expected: bool) -> None:
    assert files.is_looked_at(name) is expected


def test_the_listing_is_in_ingest_order(tmp_path: Path) -> None:
    for name, mtime in (("b.csv", 5), ("a.csv", 5), ("z.csv", 1), ("no.txt", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(mtime, mtime))
    assert files.listing(tmp_path) == [File(1, "z.csv", 0), File(5, "a.csv", 0), File(5, "b.csv", 0)]
    with pytest.raises(EnvironmentRefused, match="LANDING_ZONE"):
        files.listing(tmp_path / "missing")


def test_a_file_is_whole_once_renamed_or_quiet(tmp_path: Path) -> None:
    written = tmp_path / "written.csv"
    written.write_text("whole line\n")
    file = look(tmp_path, "written.csv")
    assert not files.stands_still(tmp_path, file, 0.4)
    time.sleep(0.5)
    assert files.stands_still(tmp_path, file, 0.4)
    with written.open("a") as writer:
        writer.write("half a li")
    assert not files.stands_still(tmp_path, file, 0.4), "it is not the file that was looked at"
    time.sleep(0.5)
    assert not files.stands_still(tmp_path, look(tmp_path, "written.csv"), 0.4)
    written.rename(tmp_path / "moved.csv")
    assert files.stands_still(tmp_path, look(tmp_path, "moved.csv"), 60)


def test_batches_are_bounded_by_count_and_bytes() -> None:
    a, b, c, d = (File(i, str(i), size) for i, size in enumerate((4, 4, 100, 1)))
    assert list(files.batches([a, b, c, d], 10, 8)) == [[a, b], [c], [d]]
    assert list(files.batches([a, b, c, d], 1, 1000)) == [[a], [b], [c], [d]]


def test_a_dropped_file_is_whole_and_never_replaces_another(tmp_path: Path) -> None:
    landing_zone, source = tmp_path / "lz", tmp_path / "a.csv"
    landing_zone.mkdir()
    source.write_text("one\n")
    assert files.drop(source, landing_zone) == ("a.csv", True)
    assert files.stands_still(landing_zone, look(landing_zone, "a.csv"), 60)
    assert files.drop(source, landing_zone) == ("a.csv", False)
    source.write_text("two\n")
    name, copied = files.drop(source, landing_zone)
    assert copied and name != "a.csv"
    assert {p.name: p.read_text() for p in landing_zone.iterdir()} == {"a.csv": "one\n", name: "two\n"}
    for bad in ("_a.csv", "../a.csv", "a.txt"):
        with pytest.raises(EnvironmentRefused):
            files.drop(source, landing_zone, bad)


def test_the_quarantine_shows_the_latest_reading(tmp_path: Path) -> None:
    long = "é" * 120 + ".csv"
    for name in ("a.csv", long, "\udce3.csv"):
        quarantine.write(tmp_path, name, [("why", 'raw "ção"\nline')])
    quarantine.write(tmp_path, "b.csv", [("why", "x")])
    quarantine.write(tmp_path, "b.csv", [])
    rows = list(quarantine.rows(tmp_path))
    assert {row["file"] for row in rows} == {"a.csv", long, "\udce3.csv"}
    assert {row["raw"] for row in rows} == {'raw "ção"\nline'}
    assert [row["file"] for row in quarantine.rows(tmp_path, long)] == [long]


def test_the_password_is_nowhere_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://someone:hush@example.org:6379/3?x=hush")
    settings = load()
    assert settings.redis_place == "redis://example.org:6379/3"
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump()}"
    monkeypatch.setenv("SETTLE_SECONDS", "hush")
    with pytest.raises(EnvironmentRefused, match="SETTLE_SECONDS") as refused:
        load()
    assert "hush" not in str(refused.value)
