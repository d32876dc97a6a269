"""Files with any name, poison among them, and files that change: a company counts once."""

import os
import threading
import time
from pathlib import Path

import pytest

from streaming.domain.results import Outcome
from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.store.store import Store
from tests import oracle
from tests.harness import Program, Service, row, until
from tests.proxy import Proxy

DAY = 24 * 3600


def test_links_that_lead_in_circles_keep_no_file_from_counting(
    service: Service, program: Program, tmp_path: Path
) -> None:
    """Spark follows links to directories: two to the landing zone itself, and it never comes back."""
    zone = service.settings.landing_zone
    for name in ("round.csv", "and-round"):
        (zone / name).symlink_to(".")
    first = service.put("a.csv", [row(1)])

    assert [(o.file, o.state) for o in service.run()] == [
        ("a.csv", "ingested"),
        ("round.csv", "rejected"),
    ]

    following = program.start("run", "--follow")
    until(lambda: (service.settings.checkpoints / ".follow.lock").exists(), 60)
    second = service.put("b.csv", [row(1), row(2)])
    until(lambda: "b.csv" in service.records(), 60, what="the file counted")
    following.terminate()
    assert following.wait(60) == 0
    service.holds(first, second)


def test_poison_among_good_files_is_rejected_and_the_good_ones_count(
    service: Service, tmp_path: Path
) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    zone = service.settings.landing_zone
    (zone / "directory.csv").mkdir()
    (zone / "directory.csv" / "inside.csv").write_text(oracle.text([row(77)]))
    outside = tmp_path / "outside.csv"
    outside.write_text(oracle.text([row(78)]))
    (zone / "link.csv").symlink_to(outside)
    (zone / "dangling.csv").symlink_to(tmp_path / "nowhere.csv")
    os.mkfifo(zone / "pipe.csv")
    service.put("broken.csv.gz", b"\x1f\x8b\x08\x00garbage that is no gzip")
    service.put("nogzip.csv.gz", b"\x1f\x8b")
    service.put("empty.csv", b"")
    service.put("binary.csv", bytes(range(256)) * 10)
    service.put("column.csv", "cnpj,data_abertura,cidade,estado\n" + ",".join(row(79)[:4]) + "\n")
    service.put(".hidden.csv", [row(80)])
    service.put("_aside.csv", [row(81)])
    service.put("notes.txt", [row(82)])
    service.put("x.csv.tmp", [row(83)])
    last = service.put("z.csv", [row(2), row(3)])

    outcomes = {o.file: o for o in service.run()}

    poison = {
        "directory.csv",
        "link.csv",
        "dangling.csv",
        "pipe.csv",
        "broken.csv.gz",
        "nogzip.csv.gz",
        "empty.csv",
        "binary.csv",
        "column.csv",
    }
    assert set(outcomes) == poison | {"a.csv", "z.csv"}
    for name in poison:
        o = outcomes[name]
        assert (o.read, o.new, o.duplicates, o.rejected, o.state) == (0, 0, 0, 0, "rejected"), o
        assert o.reason, o
        assert service.records()[name]["reason"] == o.reason
    assert outcomes["column.csv"].reason.startswith("missing column: capital_social;")
    assert outcomes["empty.csv"].reason == "empty file"
    service.holds(first, last)
    assert service.run() == []


@pytest.mark.parametrize(
    "name",
    ["com espaço.csv", "São Paulo (1).csv", "100%25.csv", "a+b&c=d#e?f.csv", "[x]{y}*.csv", "'\"\\.csv"],
)
def test_any_name_of_a_file_is_counted_once(service: Service, name: str) -> None:
    content = service.put(name, [row(1), row(2)])

    assert service.run() == [Outcome(name, 2, 2, 0, 0, "ingested", None)]
    assert service.run() == []
    service.holds(content)


def test_a_name_that_is_no_utf8_is_counted_once(service: Service) -> None:
    content = service.put("a.csv", [row(1)])
    landing_zone = service.settings.landing_zone
    (landing_zone / "a.csv").rename(landing_zone / os.fsdecode(b"a\xff.csv"))

    assert [(o.new, o.state) for o in service.run()] == [(1, "ingested")]
    assert service.run() == []
    assert service.features() == oracle.features([content])


def test_a_file_changed_between_reading_and_commit_is_counted_as_it_became(
    service: Service, proxy: Proxy
) -> None:
    """The file changes while the batch asks Redis for the ledger: read already, not yet committed."""
    service.put("a.csv", [row(1, "1.00"), row(2, "2.00")])
    other = service.put("b.csv", [row(3)])
    store = Store(proxy.url, service.settings)
    became: list[str] = []
    companies = store.companies

    def change_then_look(blocks):  # type: ignore[no-untyped-def]
        if not became:
            became.append(service.put("a.csv", [row(1, "5.00"), row(4, "2.00"), row(5)]))
        return companies(blocks)

    store.companies = change_then_look  # type: ignore[method-assign]
    outcomes = service.run(store=store)

    assert {o.file: (o.read, o.new) for o in outcomes} == {"a.csv": (3, 3), "b.csv": (1, 1)}
    service.holds(other, *became)


def test_a_file_gone_between_reading_and_commit_is_not_counted(service: Service, proxy: Proxy) -> None:
    content = service.put("a.csv", [row(1)])
    service.put("b.csv", [row(2)])
    landed = local.listing(service.settings.landing_zone)
    (service.settings.landing_zone / "b.csv").unlink()

    outcomes = Ingest(service.spark, service.store(), service.settings)(landed)

    assert [o.file for o in outcomes] == ["a.csv"]
    service.holds(content)


def test_a_file_eight_days_old_put_after_newer_ones_counts(service: Service) -> None:
    first = service.put("new.csv", [row(1)])
    service.run()
    old = service.put("old.csv", [row(1, "9.00"), row(2)], mtime=time.time() - 8 * DAY)
    newer = service.put("newer.csv", [row(3)])

    outcomes = service.run()

    assert {(o.file, o.new) for o in outcomes} == {("old.csv", 1), ("newer.csv", 1)}
    service.holds(first, old, newer)


@pytest.mark.parametrize("flushed", ["a line", "half a line"])
def test_a_file_growing_while_watched_is_counted_once_and_whole(service: Service, flushed: str) -> None:
    service.settings = service.settings.model_copy(update={"settle_seconds": 0.5})
    content = oracle.text([row(n, f"{n}000.00") for n in range(1, 16)])
    pieces = content.splitlines(keepends=True)
    if flushed == "half a line":
        pieces = [content[i : i + 40] for i in range(0, len(content), 40)]
    begun = threading.Event()

    def write() -> None:
        with (service.settings.landing_zone / "growing.csv").open("w") as writer:
            for piece in pieces:
                writer.write(piece)
                writer.flush()
                begun.set()
                time.sleep(0.1)

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    ready = service.put("ready.csv", [row(99)])

    outcomes = service.run()
    alive = thread.is_alive()
    thread.join()

    assert not alive, "the run ended before the file was whole"
    assert sorted(outcomes, key=lambda o: o.file) == [
        Outcome("growing.csv", 15, 15, 0, 0, "ingested", None),
        Outcome("ready.csv", 1, 1, 0, 0, "ingested", None),
    ]
    service.holds(ready, content)


def test_a_file_that_never_stands_still_is_left_for_the_next_run(service: Service) -> None:
    service.settings = service.settings.model_copy(update={"settle_seconds": 5.0, "settle_timeout": 0.5})
    content = oracle.text([row(1), row(2)])
    (service.settings.landing_zone / "growing.csv").write_text(content)
    ready = service.put("ready.csv", [row(99)])

    outcomes = service.run()

    assert Outcome("growing.csv", 0, 0, 0, 0, "waiting", "being written") in outcomes
    service.holds(ready)
    service.settings = service.settings.model_copy(update={"settle_seconds": 0.0})
    service.run()
    service.holds(ready, content)
