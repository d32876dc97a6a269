"""ARCHIVE=on: counted files leave the landing zone, and stay what they were for everything else."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streaming.domain.results import Outcome
from streaming.jobs import audit
from streaming.landing import local, quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline import directory_archive as archive
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings, load
from tests import oracle
from tests.harness import Program, Service, row


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return load(**{**settings.model_dump(), "archive": True, "_env_file": None})


def archived(service: Service) -> list[str]:
    """Return the paths of the archive, less the directory of the month."""
    files = archive.listing(service.settings.landing_zone)
    return sorted(f.path.rpartition("/")[2] for f in files)


def landed(service: Service) -> list[str]:
    return sorted(f.path for f in local.listing(service.settings.landing_zone))


def home(service: Service, name: str, which: int = 0) -> str:
    """Return where a file of the landing zone goes."""
    file = local.stat_file(service.settings.landing_zone, name)
    assert file is not None
    return archive.archive_paths(file)[which]


def refile(service: Service, name: str) -> None:
    """Move the record of a file of the landing zone, as a sweep does before it moves the file."""
    file = local.stat_file(service.settings.landing_zone, name)
    assert file is not None
    assert service.store().refile([(file, file._replace(path=archive.archive_paths(file)[0]))]) == [True]


def sound(service: Service) -> None:
    """Assert that an audit finds neither a difference nor anything to note."""
    report = audit.compare(service.settings, service.store(), lambda: service.spark)
    assert (report.differences, report.notes) == ([], [])


def test_counted_files_are_moved_with_their_records_and_rejected_ones_stay(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2, "-1")])
    service.put("b.csv", "no,such,columns\n")
    to = home(service, "a.csv")

    service.run()

    zone = service.settings.landing_zone
    assert (landed(service), archived(service)) == (["b.csv"], ["a.csv"])
    assert (zone / to).read_text() == content
    assert {p: r["state"] for p, r in service.records().items()} == {to: "ingested", "b.csv": "rejected"}
    assert [r["file"] for r in quarantine.rows(LocalFolder(service.settings.quarantine_dir))] == [to]
    sound(service)
    assert service.run() == []
    service.holds(oracle.text([row(1)]))


def test_a_name_that_is_taken_gets_a_suffix_and_both_keep_their_records(service: Service) -> None:
    first = service.put("a.csv.gz", [row(1), row(2, "1")])
    service.run()
    second = service.put("a.csv.gz", [row(2, "5.00"), row(3, "bad"), row(4)])
    tagged = home(service, "a.csv.gz", 1)

    assert service.run() == [Outcome("a.csv.gz", 3, 1, 1, 1, "ingested", None)]

    assert archived(service) == ["a.csv.gz", tagged.rpartition("/")[2]]
    assert sorted(r["new"] for r in service.records().values()) == [1, 2]
    service.holds(first, second.replace("bad", "0").replace(row(3)[0], row(1)[0]))
    sound(service)


def test_a_file_that_comes_again_and_again_with_the_same_time_is_never_lost(service: Service) -> None:
    content = service.put("a.csv", [row(1)], mtime=1_700_000_000)
    service.run()
    for _ in range(3):
        service.put("a.csv", content, mtime=1_700_000_000)
        assert [o.duplicates for o in service.run()] == [1]
    assert len(archived(service)) == 4
    assert len(service.records()) == 4
    service.holds(content)
    sound(service)


def test_a_flushed_redis_gets_everything_back_from_the_archive(service: Service) -> None:
    contents = [service.put(f"{n}.csv", [row(n, f"{n}.10"), row(n + 1)]) for n in range(3)]
    service.run()
    service.redis.flushall()
    contents.append(service.put("9.csv", [row(3, "9.00"), row(9)]))

    assert [(o.file.rpartition("/")[2], o.new) for o in sorted(service.run(), key=str)] == [
        ("9.csv", 1),
        ("0.csv", 2),
        ("1.csv", 1),
        ("2.csv", 1),
    ]
    service.holds(*contents)
    sound(service)


def test_without_archive_nothing_is_moved_and_what_is_there_is_still_read(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    off = load(**{**service.settings.model_dump(), "archive": False, "_env_file": None})
    plain = Service(service.spark, off, off.redis_url.get_secret_value())  # type: ignore[union-attr]
    second = plain.put("b.csv", [row(1, "7"), row(2)])
    plain.run()
    assert (landed(service), archived(service)) == (["b.csv"], ["a.csv"])
    service.redis.flushall()
    plain.run()
    plain.holds(first, second)
    sound(plain)


@pytest.mark.parametrize("killed", ["before its record moves", "before it moves"])
def test_a_file_left_on_the_way_is_counted_where_it_is_and_moved_by_the_next_run(
    service: Service, killed: str
) -> None:
    off = load(**{**service.settings.model_dump(), "archive": False, "_env_file": None})
    content = service.put("a.csv", [row(1), row(2, "x")])
    Service(service.spark, off, off.redis_url.get_secret_value()).run()  # type: ignore[union-attr]
    to = home(service, "a.csv")
    if killed == "before it moves":
        refile(service, "a.csv")
    sound(service)
    assert waiting(service.settings, service.store()) == []

    archive.sweep(service.settings, service.store())

    assert (landed(service), archived(service)) == ([], ["a.csv"])
    assert list(service.records()) == [to]
    assert [r["file"] for r in quarantine.rows(LocalFolder(service.settings.quarantine_dir))] == [to]
    assert service.run() == []
    service.holds(content.replace(oracle.text([row(2, "x")]).splitlines()[1] + "\n", ""))
    sound(service)


def test_a_file_whose_record_is_archived_is_not_read_again_where_it_is(service: Service) -> None:
    service.put("a.csv", [row(1)])
    off = load(**{**service.settings.model_dump(), "archive": False, "_env_file": None})
    plain = Service(service.spark, off, off.redis_url.get_secret_value())  # type: ignore[union-attr]
    plain.run()
    to = home(service, "a.csv")
    refile(service, "a.csv")
    shutil.rmtree(service.settings.checkpoints / "run")  # Spark discovers the file once more

    assert plain.run() == []
    assert list(service.records()) == [to]


def test_a_file_overwritten_on_the_way_is_not_taken_for_the_counted_one(service: Service) -> None:
    service.put("a.csv", [row(1)])
    off = load(**{**service.settings.model_dump(), "archive": False, "_env_file": None})
    Service(service.spark, off, off.redis_url.get_secret_value()).run()  # type: ignore[union-attr]
    refile(service, "a.csv")
    both = service.put("a.csv", [row(1), row(2)])

    archive.sweep(service.settings, service.store())
    assert landed(service) == ["a.csv"]
    assert [(o.new, o.duplicates) for o in service.run()] == [(1, 1)]
    service.holds(both)


def test_a_file_overwritten_while_its_record_moves_stays_and_counts(service: Service) -> None:
    service.put("a.csv", [row(1)])
    off = load(**{**service.settings.model_dump(), "archive": False, "_env_file": None})
    Service(service.spark, off, off.redis_url.get_secret_value()).run()  # type: ignore[union-attr]
    store = service.store()
    moved, both = store.refile, ""

    def refile(moves: Mapping[str, str]) -> None:
        nonlocal both
        moved(moves)
        both = service.put("a.csv", [row(1), row(2)])

    store.refile = refile  # type: ignore[method-assign]
    assert archive.sweep(service.settings, store) == 0
    assert (landed(service), archived(service)) == (["a.csv"], [])
    service.run()
    service.holds(both)


def test_what_a_killed_run_left_is_moved_without_starting_spark(
    service: Service, program: Program
) -> None:
    service.put("a.csv", [row(1)])
    program.inside.spark = service.spark
    program.inside("run")
    assert landed(service) == ["a.csv"]
    assert "nothing new" in program("run", ARCHIVE="on", JAVA_HOME="/nowhere").stdout
    assert (landed(service), archived(service)) == ([], ["a.csv"])


def test_names_of_any_bytes_and_length_are_moved(service: Service) -> None:
    zone = service.settings.landing_zone
    names = [os.fsdecode(b"\xff\xfe.csv"), "á" * 125 + ".csv", "a'\n{}:%.csv"]
    for n, name in enumerate(names):
        for again in range(2):
            (zone / ".hidden").write_text(oracle.text([row(n), row(10 * n + again + 10)]))
            (zone / ".hidden").rename(zone / name)
            service.run()
    assert (len(landed(service)), len(archived(service))) == (0, 6)
    assert service.redis.hlen("ingest:files") == 6
    assert waiting(service.settings, service.store()) == []
    sound(service)


@pytest.mark.parametrize("kind", ["a file", "a link to a directory"])
def test_an_archive_that_can_not_be_one_is_said_and_nothing_is_lost(
    service: Service, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "outside").mkdir()
    path = service.settings.landing_zone / "_archive"
    path.touch() if kind == "a file" else path.symlink_to(tmp_path / "outside")
    content = service.put("a.csv", [row(1)])

    with capture_logs() as logs:
        assert [o.state for o in service.run()] == ["ingested"]

    assert len([e for e in logs if e["log_level"] == "warning" and "archive" in e]) == 1
    assert landed(service) == ["a.csv"]
    assert waiting(service.settings, service.store()) == []
    sound(service)
    assert list((tmp_path / "outside").iterdir()) == []
    path.unlink()
    archive.sweep(service.settings, service.store())
    assert archived(service) == ["a.csv"]
    service.holds(content)


def test_a_month_that_is_a_link_is_neither_read_nor_written(service: Service, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.csv").write_text(oracle.text([row(7)]))
    service.put("a.csv", [row(1)])
    month = (service.settings.landing_zone / home(service, "a.csv")).parent
    month.parent.mkdir()
    month.symlink_to(outside)

    with capture_logs() as logs:
        assert [o.state for o in service.run()] == ["ingested"]
    assert ["symbolic link" in e["reason"] for e in logs if "reason" in e] == [True]
    assert [p.name for p in outside.iterdir()] == ["x.csv"]
    assert archive.listing(service.settings.landing_zone) == []
    month.unlink()
    archive.sweep(service.settings, service.store())
    service.run()
    service.holds(oracle.text([row(1)]))


def test_a_deleted_checkpoint_and_an_archive_add_nothing(service: Service) -> None:
    content = service.put("a.csv", [row(1)])
    service.run()
    shutil.rmtree(service.settings.checkpoints / "run")
    more = service.put("b.csv", [row(1), row(2)])
    service.run()
    service.holds(content, more)
    sound(service)
