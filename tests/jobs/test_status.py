"""What `status` tells of files that lie in the landing zone and are not looked at."""

import json
import os
import socket
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streaming.app import tables
from streaming.domain.results import Freshness
from streaming.jobs.status import stale, status
from streaming.landing import dropping
from streaming.settings import Settings
from streaming.store import keys
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests.harness import Program
from tests.store.commits import commit, record


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
    from streaming.landing import names

    (tmp_path / "zone").mkdir()
    source = tmp_path / "Novas.Csv.GZ"
    source.write_bytes(b"x")

    assert dropping.drop(source, tmp_path / "zone") == ("Novas.Csv.GZ", True)
    source.write_bytes(b"y")
    again, _ = dropping.drop(source, tmp_path / "zone")
    assert again.startswith("Novas-") and again.endswith(".Csv.GZ")
    assert names.split_suffix("A.CSV") == ("A", ".CSV")
    assert [names.is_packed(name) for name in ("a.csv.gz", "A.CSV.GZ", "a.csv")] == [True, True, False]


def test_places_that_are_no_municipality_are_listed_with_what_they_may_mean(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.merge(
        commit(
            ("São Paulo", "SP", "1.00", 9),
            ("São Palo", "SP", "1.00", 12),
            ("Belo Horizonte", "SP", "1.00", 2),
            *((f"Xanadu {number}", "RN", "1.00", 1) for number in range(10, 20)),
        )
    )
    document = asdict(status(settings, store))

    def place(key: str, companies: int, name: str | None = None, *states: str) -> dict[str, object]:
        return {
            "lugar": key,
            "quantidade_empresas": companies,
            "sugestao": name,
            "existe_em": list(states),
        }

    assert document["unrecognised"] == {
        "places": 12,
        "companies": 24,
        "first": [
            place("São Palo/SP", 12, "São Paulo"),
            place("Belo Horizonte/SP", 2, None, "MG"),
            *(place(f"Xanadu {number}/RN", 1) for number in range(10, 18)),
        ],
    }
    tables.status(document)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("unrecognised"))
    assert [" ".join(line.split()) for line in lines[first : first + 4]] == [
        "unrecognised 12 places that are no municipality, 24 companies",
        "São Palo/SP (12): São Paulo?",
        "Belo Horizonte/SP (2): exists in MG",
        "Xanadu 10/RN (1)",
    ]
    assert lines[first + 11] == "and 2 more"


def test_where_all_are_municipalities_or_names_are_kept_as_spelled_nothing_is_listed(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    none = {"places": 0, "companies": 0, "first": []}
    store.merge(commit(("São Paulo", "SP", "1.00", 1)))
    assert asdict(status(settings, store))["unrecognised"] == none
    store.merge(commit(("SAO PALO", "SP", "1.00", 1), expected=1))
    assert asdict(status(settings, store))["unrecognised"]["places"] == 1
    as_spelled = settings.model_copy(update={"municipios": "off"})
    assert asdict(status(as_spelled, store))["unrecognised"] == none
    tables.status(asdict(status(as_spelled, store)))
    assert "unrecognised" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("commit", "oldest", "expected"),
    [
        (None, None, "nothing was ever committed"),
        (None, 9000.0, "nothing was ever committed"),
        (7199.4, None, None),
        (7199.4, 7199.4, None),
        (7300.0, None, "the last commit is 2:01:40 old, more than 2:00:00"),
        (5.0, 90000.0, "the oldest waiting file is 1 day, 1:00:00 old, more than 2:00:00"),
        (
            7300.0,
            7300.0,
            "the last commit is 2:01:40 old and the oldest waiting file is 2:01:40 old, "
            "more than 2:00:00",
        ),
    ],
)
def test_what_is_older_than_a_limit_is_named_in_one_line(
    commit: float | None, oldest: float | None, expected: str | None
) -> None:
    freshness = Freshness(None if commit is None else "an instant", commit, oldest)
    assert stale(freshness, timedelta(hours=2)) == expected


def test_who_runs_on_the_landing_zone_is_named(settings: Settings, store: Store) -> None:
    zone = str(settings.landing_zone)
    with Lease(store, keys.FOLLOW, zone), Lease(store, keys.RUN, "/another"):
        (follower,) = status(settings, store).working
    assert follower == f"follow: process {os.getpid()} on {socket.gethostname()}"
    assert status(settings, store).working == []


def test_a_status_that_fails_shows_the_same_document(program: Program, store: Store) -> None:
    now = datetime.now(UTC).isoformat()
    store.merge(replace(commit(), records={"a.csv": replace(record(), at=now)}))
    fresh = program.json("status", "--fail-if-older", "2h")
    assert fresh["freshness"]["seconds_since"] > 0
    done = program("status", "--json", "--fail-if-older", "0s", code=1)
    assert json.loads(done.stdout).keys() == fresh.keys()
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: the last commit is ")
