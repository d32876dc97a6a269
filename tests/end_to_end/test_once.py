"""A company counts once, whatever is replayed, re-sent, renamed, killed, deleted or restored."""

import os
import re
import shutil
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.domain.results import Outcome
from streaming.errors import KeyRefused, RedisUnavailable, RunFailed
from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.settings import Settings
from streaming.store.store import Store
from tests import oracle
from tests.harness import Program, Service, dumped, restore, row, until
from tests.proxy import Proxy

DAY = 24 * 3600


def test_a_run_counts_every_company_and_accounts_for_every_row(service: Service) -> None:
    first = service.put("a.csv", [row(1, "0.10"), row(2, "0.20"), row(3, "7.01", "Belém", "PA")])
    second = service.put("b.csv.gz", [row(4, "0.03", "Belém", "PB")])

    outcomes = service.run()

    assert sorted(outcomes, key=lambda o: o.file) == [
        Outcome("a.csv", 3, 3, 0, 0, "ingested", None),
        Outcome("b.csv.gz", 1, 1, 0, 0, "ingested", None),
    ]
    assert service.features() == {
        "Natal": ("0.30", "2", "0.15"),
        "Natal/RN": ("0.30", "2", "0.15"),
        "Belém": ("7.04", "2", "3.52"),
        "Belém/PA": ("7.01", "1", "7.01"),
        "Belém/PB": ("0.03", "1", "0.03"),
    }
    service.holds(first, second)


def test_a_second_run_finds_nothing_to_do(service: Service) -> None:
    service.put("a.csv", [row(1), row(2)])
    service.run()
    before = dumped(service.redis)

    assert service.run() == []
    assert dumped(service.redis) == before


@pytest.mark.parametrize("together", [True, False], ids=["one run", "two runs"])
def test_a_file_sent_twice_under_another_name_adds_nothing(service: Service, together: bool) -> None:
    content = service.put("a.csv", [row(1), row(2, "5.55")])
    if not together:
        service.run()
    service.put("again.csv.gz", content)

    outcomes = service.run()

    assert outcomes[-1] == Outcome("again.csv.gz", 2, 0, 2, 0, "ingested", None)
    service.holds(content)


def test_a_name_overwritten_with_more_rows_adds_only_the_new_ones(service: Service) -> None:
    service.put("a.csv", [row(1), row(2)])
    service.run()
    content = service.put("a.csv", [row(1), row(2), row(3, "9.99"), row(4, "0.01", "Belém", "PA")])

    assert service.run() == [Outcome("a.csv", 4, 2, 2, 0, "ingested", None)]
    service.holds(content)


def test_a_name_overwritten_with_the_same_size_is_read_again(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    second = service.put("a.csv", [row(2)])
    assert len(first) == len(second)

    assert service.run() == [Outcome("a.csv", 1, 1, 0, 0, "ingested", None)]
    service.holds(first, second)


def test_the_first_file_of_one_batch_wins_by_time_whatever_its_name(service: Service) -> None:
    earlier = service.put("z.csv", [row(1, "1.00"), row(2, "2.00")])
    later = service.put("a.csv", [row(1, "100.00", "Belém", "PA"), row(3, "3.00")])

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("z.csv", 2, 0), ("a.csv", 1, 1)]
    service.holds(earlier, later)


def test_of_files_of_the_same_time_the_first_path_wins(service: Service) -> None:
    same = time.time() - 60
    second = service.put("b.csv", [row(1, "100.00", "Belém", "PA"), row(2)], mtime=same)
    first = service.put("a.csv", [row(1, "1.00"), row(3)], mtime=same)

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("a.csv", 2, 0), ("b.csv", 1, 1)]
    service.holds(first, second)


def test_the_first_run_wins_whatever_the_files_times(service: Service) -> None:
    first = service.put("new.csv", [row(1, "1.00"), row(2, "2.00")])
    service.run()
    second = service.put(
        "old.csv", [row(1, "100.00", "Belém", "PA"), row(3)], mtime=time.time() - 2 * DAY
    )

    assert service.run() == [Outcome("old.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


def test_repeats_inside_a_file_count_once_by_the_earliest_line(service: Service) -> None:
    content = service.put(
        "a.csv", [row(1, "1.00"), row(2, "2.00", "Belém", "PA"), row(1, "50.00", "Recife", "PE"), row(1)]
    )

    assert service.run() == [Outcome("a.csv", 4, 2, 2, 0, "ingested", None)]
    service.holds(content)


def test_a_company_is_the_same_bare_punctuated_or_with_other_check_digits(service: Service) -> None:
    content = service.put(
        "a.csv",
        [
            ("12345678000195", "2025-01-01", "Natal", "RN", "1.00"),
            ("12.345.678/0001-95", "2025-01-01", "Natal", "RN", "2.00"),
            ("12345678000196", "2025-01-01", "Natal", "RN", "4.00"),
            ("12.ABC.345/01DE-35", "2026-08-01", "Natal", "RN", "8.00"),
            ("12ABC34501DE35", "2026-08-01", "Natal", "RN", "16.00"),
            ("12345678000295", "2025-01-01", "Natal", "RN", "32.00"),
        ],
    )

    assert service.run() == [Outcome("a.csv", 6, 3, 3, 0, "ingested", None)]
    assert service.features()["Natal"] == ("41.00", "3", "13.67")
    service.holds(content)


def test_a_row_that_was_rejected_does_not_keep_its_company_from_counting(service: Service) -> None:
    service.put("a.csv", [row(1, "-1.00"), row(2)])
    service.run()
    content = service.put("b.csv", [row(1, "3.00"), row(2, "77.00")])

    assert service.run() == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(oracle.text([row(2)]), content)


def test_a_deleted_checkpoint_changes_nothing(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    service.run()
    before = dumped(service.redis)
    shutil.rmtree(service.settings.checkpoints / "run")

    assert service.run() == []
    assert dumped(service.redis) == before
    more = service.put("b.csv", [row(2), row(3)])
    service.run()
    service.holds(content, more)


def test_a_checkpoint_restored_from_an_earlier_copy_adds_nothing_twice(
    service: Service, tmp_path: Path
) -> None:
    checkpoint = service.settings.checkpoints / "run"
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    shutil.copytree(checkpoint, tmp_path / "earlier")
    second = service.put("b.csv", [row(2), row(3)])
    service.run()
    shutil.rmtree(checkpoint)
    shutil.copytree(tmp_path / "earlier", checkpoint)
    third = service.put("c.csv", [row(3), row(4)])

    assert service.run() == [Outcome("c.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second, third)


def test_a_batch_that_spark_did_not_note_as_done_is_not_added_again(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    service.run()
    _uncommit(service.settings)

    assert service.run() == []
    service.holds(content)


def test_a_batch_whose_file_is_gone_does_not_stop_the_next_run(service: Service) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    _uncommit(service.settings)
    (service.settings.landing_zone / "a.csv").unlink()
    second = service.put("b.csv", [row(2), row(3)])

    assert service.run() == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


def test_a_checkpoint_that_can_not_be_read_is_said_and_deleting_it_is_enough(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    checkpoint = service.settings.checkpoints / "run"
    for log in (checkpoint / "offsets").glob("[0-9]*"):
        log.write_bytes(b"")
    for checksum in checkpoint.rglob(".*.crc"):
        checksum.unlink()
    second = service.put("b.csv", [row(2)])

    deletable = re.escape(f"delete {service.settings.checkpoints}: nothing is lost with it")
    with pytest.raises(RunFailed, match=f"offsets/0.*{deletable}"):
        service.run()
    service.holds(first, second)  # counted without the stream

    shutil.rmtree(checkpoint)
    assert service.run() == []
    third = service.put("c.csv", [row(3)])
    assert [(o.file, o.new) for o in service.run()] == [("c.csv", 1)]
    service.holds(first, second, third)


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


def test_a_key_of_another_kind_stops_the_run_and_is_named(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2, cidade="Belém", estado="PA")])
    service.redis.set("Belém", "mine")
    before = dumped(service.redis)

    with pytest.raises(KeyRefused, match="'Belém' is a string"):
        service.run()

    assert dumped(service.redis) == before
    service.redis.delete("Belém")
    assert [(o.file, o.new) for o in service.run()] == [("a.csv", 2)]
    service.holds(content)


def test_a_redis_that_goes_away_stops_the_run_and_the_next_one_completes(
    service: Service, proxy: Proxy
) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    proxy.before(1, proxy.close)

    with pytest.raises(RedisUnavailable, match="does not answer"):
        service.run(store=Store(proxy.url, service.settings, retries=1))

    assert dumped(service.redis) == {}
    assert [(o.file, o.new) for o in service.run()] == [("a.csv", 2)]
    service.holds(content)


def test_a_flushed_redis_gets_everything_back(service: Service) -> None:
    first = service.put("a.csv", [row(1, "1.00"), row(2)])
    service.run()
    second = service.put("b.csv", [row(1, "3.00"), row(3)])
    service.run()
    before = service.features()
    service.redis.flushall()

    outcomes = service.run()

    assert [(o.file, o.read, o.new, o.duplicates) for o in outcomes] == [
        ("a.csv", 2, 2, 0),
        ("b.csv", 2, 1, 1),
    ]
    assert service.features() == before
    service.holds(first, second)


def test_a_redis_restored_from_an_earlier_state_gets_back_what_is_missing(service: Service) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    yesterday = dumped(service.redis)
    second = service.put("b.csv", [row(2), row(3)])
    service.run()
    third = service.put("c.csv", [row(3), row(4), row(1)])
    service.run()
    restore(service.redis, yesterday)

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("b.csv", 1, 1), ("c.csv", 1, 2)]
    service.holds(first, second, third)


@pytest.mark.parametrize("lost", [(1,), (1, 2), (1, 2, 3)], ids=["once", "twice", "three times"])
def test_a_merge_retried_after_a_lost_reply_counts_once_and_is_accounted_for(
    service: Service, proxy: Proxy, lost: tuple[int, ...]
) -> None:
    first = service.put("a.csv", [row(1), row(2)])
    service.put("b.csv", [row(2), row(3), row(4, "-1")])
    proxy.swallow(*lost)

    outcomes = service.run(store=Store(proxy.url, service.settings))

    assert proxy.swallowed == len(lost)
    assert sorted(outcomes, key=lambda o: o.file) == [
        Outcome("a.csv", 2, 2, 0, 0, "ingested", None),
        Outcome("b.csv", 3, 1, 1, 1, "ingested", None),
    ]
    service.holds(first, oracle.text([row(2), row(3)]))
    assert service.redis.get("ingest:version") == b"1"


def test_connections_cut_before_the_merge_are_made_again(service: Service, proxy: Proxy) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    proxy.before(1, proxy.cut)

    outcomes = service.run(store=Store(proxy.url, service.settings))

    assert outcomes == [Outcome("a.csv", 2, 2, 0, 0, "ingested", None)]
    service.holds(content)


def test_another_writer_just_before_the_merge_makes_it_recompute(service: Service, proxy: Proxy) -> None:
    first = service.put("a.csv", [row(1, "1.00"), row(2, "2.00")])
    writer = Ingest(service.spark, service.store(), service.settings)
    landed = local.listing(service.settings.landing_zone)
    second = service.put("b.csv", [row(2, "50.00"), row(3, "3.00")])
    proxy.before(1, lambda: writer(landed) and None)
    later = [f for f in local.listing(service.settings.landing_zone) if f.path == "b.csv"]

    outcomes = Ingest(service.spark, Store(proxy.url, service.settings), service.settings)(later)

    assert outcomes == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


def test_a_redis_flushed_and_filled_again_just_before_the_merge_makes_it_recompute(
    service: Service, proxy: Proxy
) -> None:
    """The number of commits is the same again, the companies counted are others."""
    first = service.put("a.csv", [row(1)])
    service.run()
    service.put("b.csv", [row(2)])
    service.put("c.csv", [row(3)])
    b, c = local.listing(service.settings.landing_zone)[1:]
    writer = Ingest(service.spark, service.store(), service.settings)

    def flush_and_fill() -> None:
        service.redis.flushall()
        writer([b])

    proxy.before(1, flush_and_fill)
    Ingest(service.spark, Store(proxy.url, service.settings), service.settings)([c])
    service.run()

    assert service.features() == oracle.features([first, oracle.text([row(2), row(3)])])
    service.conserved()


def test_many_writers_at_once_count_once(service: Service) -> None:
    """The same six files by four writers, each in another order and in batches of its own."""
    contents = [
        service.put(f"{n}.csv", [row(n), row(n + 1, "1.01"), row(n + 2, "0.09", "Belém", "PA")])
        for n in range(6)
    ]
    landed = local.listing(service.settings.landing_zone)
    found: list[Outcome] = []

    def work() -> None:
        ingest = Ingest(service.spark, service.store(), service.settings)
        for start in range(0, 6, 2):
            found.extend(ingest(landed[start : start + 2]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(o.file for o in found) == [f"{n}.csv" for n in range(6)], "each accounted for once"
    service.holds(*contents)


def _uncommit(settings: Settings) -> None:
    """Make Spark's checkpoint as it is when a run was killed after the merge, before Spark noted it."""
    commits = settings.checkpoints / "run" / "commits"
    last = max((p for p in commits.glob("[0-9]*")), key=lambda p: int(p.name))
    last.unlink()
    (commits / f".{last.name}.crc").unlink(missing_ok=True)


def test_two_runs_at_once_on_different_checkpoints_count_once(
    service: Service, program: Program, tmp_path: Path
) -> None:
    contents = [
        service.put(f"{n}.csv", [row(i, f"{i}.{n:02d}") for i in range(n * 30, n * 30 + 50)])
        for n in range(6)
    ]
    started = [
        program.start("run", "--json", CHECKPOINTS=str(tmp_path / name), MAX_FILES_PER_TRIGGER="1")
        for name in ("one", "two")
    ]
    ended = [(*s.communicate(timeout=120), s.returncode) for s in started]

    assert [code for *_, code in ended] == [0, 0], ended
    service.holds(*contents)
    assert int(service.redis.get("ingest:version")) == 6


def test_two_runs_at_once_on_the_same_checkpoint_wait_for_each_other(
    service: Service, program: Program
) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    started = [program.start("run", LOG_FORMAT="json") for _ in range(2)]
    ended = [(*s.communicate(timeout=120), s.returncode) for s in started]

    assert [code for *_, code in ended] == [0, 0], ended
    assert sum("another run has this checkpoint" in err for _, err, _ in ended) == 1, ended
    assert sum("nothing new" in out for out, _, _ in ended) == 1, ended
    service.holds(content)


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


def test_batches_of_one_file_give_the_same_as_one_batch(service: Service) -> None:
    service.settings = service.settings.model_copy(update={"max_files_per_trigger": 1})
    contents = [service.put(f"{9 - n}.csv", [row(n), row(n + 1, f"{n}.50")]) for n in range(4)]

    outcomes = service.run()

    assert [o.file for o in outcomes] == ["9.csv", "8.csv", "7.csv", "6.csv"]
    service.holds(*contents)
    assert service.redis.get("ingest:version") == b"4"


def test_following_picks_up_files_and_ends_with_everything_counted(
    spark: SparkSession, service: Service
) -> None:
    from streaming.pipeline.stream import Stream

    stop = threading.Event()
    found: list[Outcome] = []
    query = Stream(spark, service.store(), service.settings, stop, found.extend)
    failed: list[BaseException] = []

    def follow() -> None:
        try:
            query.follow(service.settings.checkpoints / "follow")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=follow)
    first = service.put("before.csv", [row(1), row(2)])
    thread.start()
    until(lambda: service.features() == oracle.features([first]), what="the file there before")
    contents = [first]
    for n in range(3):
        contents.append(service.put(f"{n}.csv", [row(n + 1), row(n + 2), row(n + 3, "0.01")]))
        until(lambda: service.features() == oracle.features(contents), 10, what=f"file {n}")
    begun = time.monotonic()
    with (service.settings.landing_zone / "slow.csv").open("w") as writer:
        contents.append(oracle.text([row(50), row(51)]))
        for line in contents[-1].splitlines(keepends=True):
            writer.write(line)
            writer.flush()
            time.sleep(0.1)
    until(lambda: service.features() == oracle.features(contents), 10, what="the slow file")
    assert time.monotonic() - begun < 8, "found by the reconcile pass only"
    stop.set()
    thread.join(30)

    assert not thread.is_alive()
    assert failed == []
    assert sorted(o.file for o in found) == ["0.csv", "1.csv", "2.csv", "before.csv", "slow.csv"]
    service.holds(*contents)


def test_following_ends_when_told_to_while_both_stream_and_reconcile_have_files(
    spark: SparkSession, service: Service
) -> None:
    """Told to stop again and again at such a moment: neither may wait for the other for ever."""
    from streaming.pipeline.stream import Stream

    settings = service.settings.model_copy(update={"reconcile_seconds": 0.01})
    contents = []
    for trial in range(4):
        stop = threading.Event()
        query = Stream(spark, service.store(), settings, stop, lambda outcomes: None)
        checkpoint = settings.checkpoints / f"follow{trial}"
        thread = threading.Thread(target=query.follow, args=(checkpoint,), daemon=True)
        thread.start()
        time.sleep(1.5)
        contents += [service.put(f"{trial}{n}.csv", [row(trial * 10 + n)]) for n in range(2)]
        time.sleep(0.2 + trial * 0.1)
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), f"stopped at trial {trial}, it does not end"
    service.run()
    service.holds(*contents)


def test_ten_thousand_companies_in_many_cities_are_exact(service: Service) -> None:
    cities = [("Natal", "RN"), ("Belém", "PA"), ("Belém", "PB"), ("São Paulo", "SP")]
    contents = [
        service.put(
            f"{n:02d}.csv",
            [row(i % 9000, str(Decimal(i * 7919 % 10**9) / 100), *cities[i % 4]) for i in span],
        )
        for n, span in enumerate(range(s, s + 1000) for s in range(0, 10000, 1000))
    ]

    outcomes = service.run()

    assert sum(o.new for o in outcomes) == 9000
    assert sum(o.duplicates for o in outcomes) == 1000
    service.holds(*contents)
