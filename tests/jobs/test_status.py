"""What `status` tells of files that lie in the landing zone and are not looked at."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from streaming.app import tables
from streaming.jobs.status import status
from streaming.landing import dropping
from streaming.settings import Settings
from streaming.store.store import Store


def test_files_that_are_not_looked_at_are_named_once(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    zone = settings.landing_zone
    for name in (
        "a.zip",
        "b.xlsx",
        "c.csv.bz2",
        "d.csv.part",
        "e",
        "ok.csv",
        "ok.CSV.Gz",
        ".h.zip",
        "_h.zip",
    ):
        (zone / name).write_text("x")
    (zone / "directory.zip").mkdir()
    (zone / "link.zip").symlink_to(zone / "a.zip")
    os.mkfifo(zone / "pipe.zip")

    document = asdict(status(settings, store))

    assert document["not_looked_at"] == ["a.zip", "b.xlsx", "c.csv.bz2", "d.csv.part", "e"]
    assert sorted(document["waiting"]) == ["ok.CSV.Gz", "ok.csv"]
    tables.status(document)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["not_looked_at", "5", "a.zip,", "b.xlsx,", "c.csv.bz2,", "d.csv.part,", "e"] in shown


def test_names_of_any_letter_case_are_ingested_and_split_as_they_are_written(tmp_path: Path) -> None:
    from streaming.landing import local

    (tmp_path / "zone").mkdir()
    source = tmp_path / "Novas.Csv.GZ"
    source.write_bytes(b"x")

    assert dropping.drop(source, tmp_path / "zone") == ("Novas.Csv.GZ", True)
    source.write_bytes(b"y")
    again, _ = dropping.drop(source, tmp_path / "zone")
    assert again.startswith("Novas-") and again.endswith(".Csv.GZ")
    assert local.split_suffix("A.CSV") == ("A", ".CSV")
    assert [local.is_packed(name) for name in ("a.csv.gz", "A.CSV.GZ", "a.csv")] == [True, True, False]
