"""Which version of an object is waiting, counted or archived: never one taken for another."""

from dataclasses import replace

import pytest

from streaming.domain.records import Commit
from streaming.landing import copies
from streaming.landing.bucket import Bucket
from streaming.pipeline import archive
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store.store import Store
from tests.pipeline.bucket.moves import AT, Killed, count, dying, land, paths


def killed_after_the_copy(settings: Settings, store: Store, bucket: Bucket) -> None:
    """Leave a copy whose record did not move."""

    def dies(at: str) -> None:
        if at == "after the copy":
            raise Killed

    with pytest.raises(Killed):
        dying(settings, store, bucket, dies).sweep()


def test_of_a_landed_object_and_its_copy_without_records_the_landed_one_waits(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    file = land(settings, "a.csv")
    count(store, file)
    killed_after_the_copy(settings, store, bucket)
    store.client.flushall()

    assert waiting(settings, store) == [file]
    assert archive.of(settings, store).sweep() == 0
    assert "a.csv" in paths(settings)  # a copy without a record is no reason to remove it


def test_a_rejected_object_stays_for_a_person_to_look_at(settings: Settings, store: Store) -> None:
    file = land(settings, "a.csv")
    count(store, file)
    (record,) = store.records().values()
    rejected = replace(record, state="rejected", version=2)
    store.merge(Commit(1, AT, {}, {}, {"a.csv": rejected}))

    assert archive.of(settings, store).sweep() == 0
    assert (paths(settings), list(store.records())) == (["a.csv"], ["a.csv"])


def test_an_object_overwritten_since_it_was_counted_is_not_copied(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "a.csv", b"old"))
    land(settings, "a.csv", b"new")
    steps: list[str] = []

    assert dying(settings, store, bucket, steps.append).sweep() == 0
    assert steps == []


def test_the_record_of_another_version_does_not_move(settings: Settings, store: Store) -> None:
    counted, other = land(settings, "a.csv", b"old"), land(settings, "a.csv", b"new")
    count(store, counted)
    home = other._replace(path=copies.own_name(other))

    assert store.refile([(other, home)]) == [False]
    assert [record.file(path) for path, record in store.records().items()] == [counted]


def test_a_record_is_of_its_copy_where_another_version_has_its_name(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "a.csv", b"old"))
    killed_after_the_copy(settings, store, bucket)
    land(settings, "a.csv", b"new")

    (copy,) = bucket.archived()
    assert archive.of(settings, store).located(store.records()) == {"a.csv": copy}


def test_a_copy_overwritten_since_it_was_recorded_is_not_located(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "a.csv", b"old"))
    assert archive.of(settings, store).sweep() == 1
    (copy,) = bucket.archived()
    bucket.store.put(copy.path, b"new")

    assert archive.of(settings, store).located(store.records()) == {}
    assert waiting(settings, store) == bucket.archived()
