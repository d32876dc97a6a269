"""The archive in a bucket: nothing lost or counted twice, wherever a mover is killed."""

import time

import pytest
import structlog

from streaming.landing import copies, places, quarantine
from streaming.landing.bucket import Bucket
from streaming.pipeline import archive, bucket_archive
from streaming.pipeline.backlog import waiting
from streaming.pipeline.bucket_archive import BucketArchive
from streaming.settings import Settings
from streaming.store.store import Store
from tests import landed
from tests.pipeline.bucket.moves import Killed, count, dying, land, older, paths
from tests.store_proxy import Fault, StoreProxy


def test_counted_objects_move_with_record_and_rejected_rows(settings: Settings, store: Store) -> None:
    first, second, other = (land(settings, name) for name in ("a.csv", "b.csv.gz", "waits.csv"))
    count(store, first, second)
    folder = places.quarantine(settings)
    quarantine.write(folder, "a.csv", [("reason", "raw")])

    assert archive.of(settings, store).sweep() == 2

    homes = {copies.parse(path): path for path in store.records()}
    assert {c.original: (c.landed, c.identity) for c in homes if c} == {
        file.path: (file.mtime, copies.identity(file)) for file in (first, second)
    }
    assert waiting(settings, store) == [other]
    assert [row["file"] for row in quarantine.rows(folder)] == [p for p in homes.values() if "/a~" in p]
    assert len(paths(settings)) == 4  # two copies, one that waits, the rejected rows
    assert archive.of(settings, store).sweep() == 0


@pytest.mark.parametrize(
    "step", ["before the copy", "after the copy", "before the removal", "after the removal"]
)
def test_a_killed_mover_leaves_what_the_next_sweep_ends(
    settings: Settings, store: Store, bucket: Bucket, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = land(settings, "a.csv")
    count(store, file)

    def dies(at: str) -> None:
        if at == step:
            raise Killed

    with pytest.raises(Killed):
        dying(settings, store, bucket, dies).sweep()

    assert waiting(settings, store) == []
    located = archive.of(settings, store).located(store.records())
    assert [f.size for f in located.values()] == [1]
    archive.of(settings, store).sweep()
    assert waiting(settings, store) == []
    (home,) = store.records()
    assert copies.parse(home) == copies.Copy("a.csv", file.mtime, copies.identity(file))
    assert bucket.look(["a.csv"]) == {}
    monkeypatch.setattr(bucket_archive, "ORPHAN_SECONDS", -2)
    land(settings, "waits.csv")  # a sweep of an empty zone has nothing to do
    archive.of(settings, store).sweep()
    assert paths(settings) == [home, "waits.csv"]


def test_an_object_overwritten_while_it_moves_stays_and_waits(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "a.csv", b"old"))

    def dies(at: str) -> None:
        if at == "before the removal":
            land(settings, "a.csv", b"new")

    dying(settings, store, bucket, dies).sweep()

    (home,) = store.records()
    assert landed.of(settings).content(home) == b"old"
    assert waiting(settings, store) == [bucket.look(["a.csv"])["a.csv"]]
    assert landed.of(settings).content("a.csv") == b"new"


def test_a_copy_of_another_version_than_was_counted_does_not_stay(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "a.csv", b"old"))

    def dies(at: str) -> None:
        if at == "before the copy":
            land(settings, "a.csv", b"new")

    assert dying(settings, store, bucket, dies).sweep() == 0
    assert paths(settings) == ["a.csv"]
    assert list(store.records()) == ["a.csv"]


def test_after_redis_lost_all_each_version_is_read_once_in_landed_order(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    writer = landed.of(settings)
    for name in ("z.csv", "a.csv"):
        writer.put(name, b"a", time.time())
    count(store, *bucket.listing())
    archive.of(settings, store).sweep()
    first, _ = sorted(bucket.archived())
    bucket.store.copy(first.path, f"{first.path[:-12]}00000000.csv")  # of a mover that was killed
    store.client.flushall()

    assert [f.path.partition("~")[0].rpartition("/")[2] for f in waiting(settings, store)] == ["z", "a"]


def test_an_older_redis_knows_its_file_by_the_copy_and_keeps_that(
    settings: Settings, store: Store, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = land(settings, "a.csv")
    count(store, file)
    restore = older(store)
    archive.of(settings, store).sweep()
    (home,) = store.records()
    restore()

    assert waiting(settings, store) == []
    located = archive.of(settings, store).located(store.records())
    assert {path: f.path for path, f in located.items()} == {"a.csv": home}
    monkeypatch.setattr(bucket_archive, "ORPHAN_SECONDS", -2)
    assert list(BucketArchive(settings, store, bucket).orphans()) == []


def test_a_long_name_that_was_cut_is_known_by_an_older_redis(settings: Settings, store: Store) -> None:
    count(store, land(settings, f"{'é' * 123}.csv"))
    restore = older(store)
    assert archive.of(settings, store).sweep() == 1
    restore()

    assert waiting(settings, store) == []


def test_an_overwritten_record_goes_to_the_copy_of_its_version(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    before = land(settings, "a.csv", b"old")
    count(store, before)
    restore = older(store)
    archive.of(settings, store).sweep()
    [home] = store.records()
    restore()
    after = land(settings, "a.csv", b"new")

    archive.of(settings, store).sweep()

    assert list(store.records()) == [home]
    assert waiting(settings, store) == [after]
    count(store, after)
    assert archive.of(settings, store).sweep() == 1
    assert {landed.of(settings).content(path) for path in store.records()} == {b"old", b"new"}
    assert waiting(settings, store) == []


def test_a_copy_that_got_the_record_meanwhile_is_not_removed(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    file = land(settings, "a.csv")
    count(store, file)

    def dies(at: str) -> None:
        if at == "after the copy":
            [copy] = bucket.archived()
            assert store.refile([(file, copy)]) == [True]

    dying(settings, store, bucket, dies).sweep()

    assert [f.path for f in bucket.archived()] == list(store.records())


def test_an_object_that_cannot_be_copied_keeps_no_other_from_moving(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    files = [land(settings, f"{name}.csv") for name in "abc"]
    count(store, *files)
    behind = StoreProxy(str(bucket.endpoint))
    behind.add(Fault("PUT", 100, 400, b"<Error><Code>InvalidRequest</Code></Error>", target=r"b~"))

    archive_through = BucketArchive(settings, store, Bucket(bucket.url, behind.endpoint))
    with structlog.testing.capture_logs() as logs:
        assert archive_through.sweep() == 2

    behind.close()
    assert [file.path for file in bucket.listing()] == ["b.csv"]
    assert sorted(f.path for f in bucket.archived()) == sorted(store.records().keys() - {"b.csv"})
    assert [line["event"][:12] for line in logs if line["log_level"] == "warning"] == ["not archived"]


def test_a_clock_ahead_of_the_store_removes_no_copy_at_work(
    settings: Settings, store: Store, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = land(settings, "a.csv")
    count(store, file)
    assert bucket.copy(file)
    now = time.time_ns()
    monkeypatch.setattr(bucket_archive.time, "time_ns", lambda: now + 2 * 3600 * 10**9)

    assert list(BucketArchive(settings, store, bucket).orphans()) == []
