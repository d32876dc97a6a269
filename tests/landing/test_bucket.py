"""A zone in an object store lists, looks at and opens just the versions that are there."""

import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streaming.domain.file import File
from streaming.errors import LandingZoneAway
from streaming.landing import downloads
from streaming.landing.bucket import Bucket
from streaming.landing.opening import Changed
from tests.object_store import ObjectStore
from tests.store_proxy import Fault, StoreProxy


def put(zone: Bucket, name: str, content: bytes = b"cnpj\n1\n") -> File:
    """Put an object, over what is there, and look at it."""
    zone.store.put(name, content)
    return zone.look([name])[name]


def read(zone: Bucket, file: File) -> bytes:
    """Read a file as a reader of paths does."""
    with zone.opened(file) as descriptor:
        return Path(f"/proc/self/fd/{descriptor}").read_bytes()


def through(zone: Bucket, proxy: StoreProxy) -> Bucket:
    """The same zone behind the proxy."""
    return Bucket(zone.url, proxy.endpoint)


@pytest.mark.parametrize("name", ["a.csv", "A.CSV.GZ", "são joão #1?&=+ 100%.csv", "a%20b~'\"<é>.csv"])
def test_an_object_is_listed_looked_at_and_read_by_its_name(zone: Bucket, name: str) -> None:
    before = time.time_ns()
    put(zone, name, b"cnpj\n1\n")

    [file] = zone.listing()
    assert (file.path, file.size, file.tag) == (name, 7, "0676d67d9333c47103a3f1befa79581d")
    assert abs(file.mtime - before) < 60e9
    assert file.mtime % 10**9 == 0
    assert zone.look([name]) == {name: file}
    assert read(zone, file) == b"cnpj\n1\n"


def test_only_ingestable_objects_of_the_prefix_itself_are_listed(
    zone: Bucket, object_store: ObjectStore
) -> None:
    object_store.make(zone.url.removeprefix("s3://"))  # a folder object of the prefix itself
    for name in (
        "b.csv",
        "a.csv",
        ".a.csv",
        "_a.csv",
        "a.txt",
        "sub/c.csv",
        "_archive/2025-07/d.csv",
        "_quarantine/e.jsonl",
    ):
        put(zone, name)
    Bucket(f"{zone.url}2", zone.endpoint).store.put("f.csv", b"")

    assert sorted(file.path for file in zone.listing()) == ["a.csv", "b.csv"]
    assert zone.others() == ["a.txt"]
    assert [file.path for file in zone.archived()] == ["_archive/2025-07/d.csv"]


def test_two_thousand_objects_are_listed_and_looked_at(zone: Bucket) -> None:
    names = [f"{number:05d}.csv" for number in range(2100)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: zone.store.put(name, b"x"), names))

    files = zone.listing()
    assert sorted(file.path for file in files) == names
    assert files == sorted(files)
    assert zone.look([*names, "none.csv"]) == {file.path: file for file in files}


def test_many_objects_are_looked_at_with_a_listing_and_few_one_by_one(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    file, archived = put(zone, "a.csv"), put(zone, "_archive/2025-07/b.csv")
    missing = [f"no{number}.csv" for number in range(50)]
    behind = through(zone, store_proxy)

    assert behind.look(["a.csv", *missing]) == {"a.csv": file}
    assert [request.split()[0] for request in store_proxy.requests] == ["GET"]
    store_proxy.requests.clear()
    assert behind.look(["a.csv", *missing[:49], "x//y.csv"][:50]) == {"a.csv": file}
    assert {request.split()[0] for request in store_proxy.requests} == {"HEAD"}
    assert behind.look([archived.path, *missing, "x//y.csv"]) == {archived.path: archived}


def test_two_puts_of_one_size_within_a_second_are_two_versions(zone: Bucket) -> None:
    while True:  # until both fall into one second
        first, second = put(zone, "a.csv", b"cnpj\n1\n"), put(zone, "a.csv", b"cnpj\n2\n")
        if first.mtime == second.mtime:
            break

    assert first._replace(tag="") == second._replace(tag="")
    assert first != second
    with pytest.raises(Changed):
        read(zone, first)
    assert read(zone, second) == b"cnpj\n2\n"


def test_an_object_put_again_or_removed_since_it_was_listed_has_changed(zone: Bucket) -> None:
    file = put(zone, "a.csv")
    for other in (file._replace(mtime=file.mtime + 10**9), file._replace(size=8)):
        with pytest.raises(Changed):
            read(zone, other)
    zone.delete("a.csv")
    with pytest.raises(Changed):
        read(zone, file)


def test_an_object_overwritten_between_listing_and_request_has_changed(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    put(zone, "a.csv", b"cnpj\n1\n")
    behind = through(zone, store_proxy)
    [file] = behind.listing()
    store_proxy.add(Fault("GET", 1, act=lambda: put(zone, "a.csv", b"cnpj\n2\n")))

    with pytest.raises(Changed):
        read(behind, file)


def test_a_body_that_is_cut_is_read_to_its_end(zone: Bucket, store_proxy: StoreProxy) -> None:
    content = os.urandom(3_000_000)
    file = put(zone, "a.csv", content)
    store_proxy.add(Fault("GET", 1, cut=1_000_000))

    assert read(through(zone, store_proxy), file) == content
    assert len(store_proxy.requests) == 2


def test_an_object_overwritten_while_its_body_is_cut_has_changed(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    file = put(zone, "a.csv", os.urandom(3_000_000))
    store_proxy.add(Fault("GET", 1, cut=1_000_000))
    store_proxy.add(Fault("GET", 1, act=lambda: put(zone, "a.csv", os.urandom(3_000_000))))

    with pytest.raises(Changed):
        read(through(zone, store_proxy), file)


def test_a_body_that_is_always_cut_is_an_error_and_no_shorter_file(
    zone: Bucket, store_proxy: StoreProxy
) -> None:
    file = put(zone, "a.csv", os.urandom(3_000_000))
    store_proxy.add(Fault("GET", 1000, cut=1000))

    with pytest.raises(OSError, match=r"a\.csv"):
        read(through(zone, store_proxy), file)


def test_a_large_object_is_kept_on_disk_and_a_small_one_in_memory(
    zone: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "IN_MEMORY", 1000)
    places = {}
    for size in (1000, 1001):
        file = put(zone, "a.csv", b"x" * size)
        with zone.opened(file) as descriptor:
            places[size] = Path(f"/proc/self/fd/{descriptor}").readlink()
            assert os.read(descriptor, 2000) == b"x" * size

    assert (str(places[1000])[:7], str(places[1001])[-9:]) == ("/memfd:", "(deleted)")
    assert not str(places[1001]).startswith("/memfd:")


def test_files_fetched_ahead_are_read_once_and_leave_nothing_open(
    zone: Bucket, store_proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [put(zone, f"{number}.csv", b"%d" % number) for number in range(12)]
    monkeypatch.setattr(downloads, "AHEAD_FILES", 10)
    behind = through(zone, store_proxy)

    contents = []
    with behind.ahead(files) as opened:
        for file in files[1:]:  # the first is fetched for nothing
            with opened(file) as descriptor:
                contents.append(os.read(descriptor, 10))

    assert contents == [b"%d" % number for number in range(1, 12)]
    assert len(store_proxy.requests) == len(files)
    still_open = (p for p in Path("/proc/self/fd").iterdir() if p.is_symlink())
    assert [p for p in still_open if "memfd:landed" in str(p.readlink())] == []


def test_a_file_fetched_ahead_that_changed_fails_alone(zone: Bucket) -> None:
    files = [put(zone, f"{number}.csv") for number in range(3)]
    put(zone, "1.csv", b"another")

    with zone.ahead(files) as opened:
        for file in (files[0], files[2]):
            with opened(file) as descriptor:
                assert os.read(descriptor, 10) == b"cnpj\n1\n"
        with pytest.raises(Changed), opened(files[1]):
            pytest.fail("opened")


def test_a_zone_pickles_without_secrets_and_is_said_by_its_url(zone: Bucket) -> None:
    put(zone, "a.csv")
    pickled = pickle.dumps(zone)

    assert b"secret" not in pickled
    assert pickle.loads(pickled) == zone
    assert [file.path for file in pickle.loads(pickled).listing()] == ["a.csv"]
    assert str(zone) == zone.url


def test_a_store_that_is_busy_for_a_moment_is_asked_again(zone: Bucket, store_proxy: StoreProxy) -> None:
    file = put(zone, "a.csv")
    store_proxy.add(Fault("GET", 2, 503, b"<Error><Code>SlowDown</Code></Error>"))

    assert through(zone, store_proxy).listing() == [file]


def test_a_key_that_no_client_can_list_past_is_named(zone: Bucket, store_proxy: StoreProxy) -> None:
    page = (
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>zone//x.csv</Key>"
        "<LastModified>2025-07-29T09:00:00Z</LastModified><ETag>&quot;1&quot;</ETag><Size>1</Size>"
        "</Contents></ListBucketResult>"
    )
    store_proxy.add(Fault("GET", 10, 200, page.encode()))
    behind = through(zone, store_proxy)

    for ask in (behind.listing, behind.others, behind.archived, behind.reach):
        with pytest.raises(LandingZoneAway, match=r"'zone//x\.csv' has an empty part.*rename or delete"):
            ask()


def test_a_copy_in_the_archive_is_whole_when_it_was_seen_for_ten_seconds(zone: Bucket) -> None:
    settling = zone.settling(5)
    archived = File(1, "_archive/2025-07/a.csv", 1, "x")

    assert settling.settled(File(1, "a.csv", 1, "x"))
    assert not settling.settled(archived)
    now = settling._clock()
    settling._clock = lambda: now + 9.9
    assert not settling.settled(archived)
    assert not settling.settled(archived._replace(tag="y"))
    settling._clock = lambda: now + 10.1
    assert settling.settled(archived)
    assert not settling.settled(archived._replace(tag="y"))


def test_content_shorter_than_its_object_is_an_error(zone: Bucket) -> None:
    file = put(zone, "a.csv", b"cnpj\n1\n")

    class Answer:
        """An answer whose body ends early, with nobody noticing."""

        meta = zone.store.head("a.csv")

        def stream(self, min_chunk_size: int) -> list[bytes]:
            return [b"cnpj\n"]

    class Store:
        """A store that answers so."""

        def get(self, path: str, options: object) -> Answer:
            return Answer()

    with pytest.raises(OSError, match=r"shorter or longer than it is: 'a\.csv'"):
        downloads.download(Store(), file, zone._file)
