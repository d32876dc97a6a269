"""The steps of an archive in an object store: copy, then remove what is still the same version."""

import time

import pytest

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import copies
from streaming.landing.bucket import Bucket
from tests.landing.test_bucket import put, read, through
from tests.store_proxy import Fault, StoreProxy

DENIED = b"<Error><Code>AccessDenied</Code></Error>"


def archived(zone: Bucket) -> list[str]:
    """The paths of the archive."""
    return [file.path for file in zone.archived()]


def test_a_copy_keeps_the_order_the_content_and_the_original_name(zone: Bucket) -> None:
    file = put(zone, "são 1.csv", b"cnpj\n1\n")

    copy = zone.copy(file)

    assert copy is not None
    assert (copy.mtime, copy.size) == (file.mtime, 7)
    assert copies.parse(copy.path) == ("são 1.csv", file.mtime, copies.identity(file))
    assert zone.archived() == [copy]
    assert zone.look([copy.path]) == {copy.path: copy}
    assert read(zone, copy) == b"cnpj\n1\n"
    assert zone.listing() == [file]


def test_copies_are_in_the_order_in_which_their_files_landed(zone: Bucket) -> None:
    late, early = (
        put(zone, copies.own_name(File(second * copies.SECOND, name, 1))).path
        for second, name in ((1_753_779_601, "a.csv"), (1_753_779_600, "z.csv"))
    )

    assert archived(zone) == [early, late]


def test_an_object_put_again_is_not_copied(zone: Bucket) -> None:
    file = put(zone, "a.csv", b"cnpj\n1\n")
    put(zone, "a.csv", b"cnpj\n2\n")

    assert zone.copy(file) is None
    assert archived(zone) == []


def test_an_object_put_again_just_after_the_copy_leaves_no_copy(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    file = put(zone, "a.csv", b"cnpj\n1\n")
    store_proxy.add(Fault("HEAD", 1, act=lambda: put(zone, "a.csv", b"cnpj\n2\n")))
    store_proxy.add(Fault("HEAD", 1, act=lambda: put(zone, "a.csv", b"cnpj\n2\n")))

    assert through(zone, store_proxy).copy(file) is None
    assert archived(zone) == []


def test_an_object_that_is_gone_is_not_copied(zone: Bucket) -> None:
    file = put(zone, "a.csv")
    zone.delete("a.csv")

    assert zone.copy(file) is None
    assert archived(zone) == []


def test_a_landed_object_is_removed_once_or_twice(zone: Bucket) -> None:
    file = put(zone, "são #1?+.csv")

    for _ in range(2):
        zone.drop_landed(file)
        assert zone.listing() == []


def test_a_landed_object_that_was_put_again_stays(zone: Bucket) -> None:
    file = put(zone, "a.csv", b"cnpj\n1\n")
    new = put(zone, "a.csv", b"cnpj\n2\n")

    zone.drop_landed(file)

    assert zone.listing() == [new]


def test_a_removal_is_tried_again(zone: Bucket, store_proxy: StoreProxy) -> None:
    file = put(zone, "a.csv")
    store_proxy.add(Fault("DELETE", 2, 503))

    through(zone, store_proxy).drop_landed(file)

    assert zone.listing() == []


@pytest.mark.parametrize(("status", "times"), [(403, 1), (409, 1), (503, 100)])
def test_a_removal_that_fails_is_raised_without_the_signed_url(
    zone: Bucket, store_proxy: StoreProxy, status: int, times: int
) -> None:
    file = put(zone, "a.csv")
    store_proxy.add(Fault("DELETE", times, status, DENIED))

    with pytest.raises(LandingZoneAway, match=rf"^a\.csv of s3://.* removed: .*{status}") as raised:
        through(zone, store_proxy).drop_landed(file)
    assert "X-Amz" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert zone.listing() == [file]


def test_a_delete_that_the_store_refuses_is_raised(zone: Bucket, store_proxy: StoreProxy) -> None:
    put(zone, "a.csv")
    store_proxy.add(Fault("POST", 100, 403, DENIED))
    store_proxy.add(Fault("DELETE", 100, 403, DENIED))

    with pytest.raises(LandingZoneAway, match="credentials are refused"):
        through(zone, store_proxy).delete("a.csv")


def test_only_copies_are_removable_and_have_the_time_they_were_made(zone: Bucket) -> None:
    put(zone, "_archive/2025-07/by a person.csv")
    made = put(zone, copies.own_name(File(1_753_779_600 * copies.SECOND, "a.csv", 1)))

    [(file, since)] = zone.removable()
    assert (file, file.mtime) == (made, 1_753_779_600 * copies.SECOND)
    assert abs(since - time.time_ns()) < 60 * copies.SECOND


def test_a_store_that_keeps_conditions_passes_and_keeps_nothing(zone: Bucket) -> None:
    zone.conditions(archive=True)

    assert zone.store.list().collect() == []


def test_a_store_that_lets_a_put_replace_is_refused(zone: Bucket, store_proxy: StoreProxy) -> None:
    def make_room() -> None:
        zone.store.delete([found["path"] for found in zone.store.list().collect()])

    store_proxy.add(Fault("PUT", 1))
    store_proxy.add(Fault("PUT", 1, act=make_room))

    _refused(zone, store_proxy, "ignores If-None-Match, so that dropped files would replace others")


def test_a_store_that_ignores_the_condition_of_a_get_is_refused(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    headers = {"ETag": '"1"', "Last-Modified": "Tue, 29 Jul 2025 09:00:00 GMT"}
    store_proxy.add(Fault("GET", 1, 200, b"probe", headers=headers))

    _refused(zone, store_proxy, "ignores If-Match, so that a file may change while it is read")


def test_a_store_that_ignores_the_condition_of_a_removal_has_no_archive(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    store_proxy.keeps_conditions = False

    through(zone, store_proxy).conditions(archive=False)
    _refused(zone, store_proxy, "ignores If-Match when it removes.*set ARCHIVE=off")


def _refused(zone: Bucket, store_proxy: StoreProxy, cost: str) -> None:
    with pytest.raises(EnvironmentRefused, match=cost):
        through(zone, store_proxy).conditions(archive=True)
    assert zone.store.list().collect() == []
