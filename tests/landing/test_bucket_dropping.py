"""A file is dropped into an object store whole, once, and never over another object."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import bucket_dropping
from streaming.landing.bucket import Bucket
from tests.store_proxy import Fault, StoreProxy

CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code></Error>"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to drop."""
    path = tmp_path / "abertas é.csv"
    path.write_bytes(b"cnpj\n1\n")
    return path


def contents(zone: Bucket) -> dict[str, bytes]:
    """What is in the zone, by name."""
    objects = zone.store.list().collect()
    return {found["path"]: bytes(zone.store.get(found["path"]).bytes()) for found in objects}


def test_a_file_dropped_twice_is_there_once(zone: Bucket, source: Path) -> None:
    assert zone.drop(source) == ("abertas é.csv", True)
    assert zone.drop(source) == ("abertas é.csv", False)
    assert contents(zone) == {"abertas é.csv": b"cnpj\n1\n"}


@pytest.mark.parametrize(
    "name", ["a\nb.csv", "a\tb.csv", "a\x7f.csv", "a\\b.csv", "a\udcff.csv", "a" * 252 + ".csv"]
)
def test_a_name_that_a_store_does_not_keep_is_refused(zone: Bucket, source: Path, name: str) -> None:
    with pytest.raises(EnvironmentRefused) as raised:
        zone.drop(source, name)
    assert str(raised.value) == (
        f"{name!r} cannot be the name of an object: it has more than 255 bytes, a backslash, a control "
        "character or bytes that are not UTF-8; use --as with another name"
    )
    assert contents(zone) == {}


@pytest.mark.parametrize("name", ["a\u00a0ç c\u0327%2F+#?=~.csv.gz", "a" * 251 + ".csv"])
def test_any_other_name_is_kept(zone: Bucket, source: Path, name: str) -> None:
    assert zone.drop(source, name) == (name, True)
    assert contents(zone) == {name: source.read_bytes()}


def test_other_content_of_a_taken_name_gets_a_name_of_its_own(zone: Bucket, source: Path) -> None:
    zone.store.put("a.csv", b"cnpj\n2\n")  # of one size

    name = f"a-{sha256(source.read_bytes()).hexdigest()[:8]}.csv"
    assert zone.drop(source, "a.csv") == (name, True)
    assert zone.drop(source, "a.csv") == (name, False)
    assert contents(zone) == {"a.csv": b"cnpj\n2\n", name: b"cnpj\n1\n"}


def test_the_same_content_put_by_others_is_seen_by_its_bytes(zone: Bucket, source: Path) -> None:
    zone.store.put("a.csv", source.read_bytes())

    assert zone.drop(source, "a.csv") == ("a.csv", False)


def test_an_empty_file_is_dropped(zone: Bucket, source: Path) -> None:
    source.write_bytes(b"")

    assert zone.drop(source, "a.csv") == ("a.csv", True)
    assert contents(zone) == {"a.csv": b""}


def test_of_writers_at_once_each_content_is_kept_and_once(zone: Bucket, tmp_path: Path) -> None:
    sources = [tmp_path / f"{number}.csv" for number in range(4)]
    for number, path in enumerate(sources):
        path.write_bytes(b"cnpj\n%d\n" % number)

    with ThreadPoolExecutor(8) as pool:
        dropped = list(pool.map(lambda path: zone.drop(path, "a.csv"), sources * 2))

    assert sorted(contents(zone).values()) == [path.read_bytes() for path in sources]
    assert sum(is_new for _, is_new in dropped) == 4


def test_a_writer_that_met_another_who_gave_up_tries_again(
    zone: Bucket, source: Path, store_proxy: StoreProxy
) -> None:
    store_proxy.add(Fault("PUT", 2, 409, CONFLICT))

    assert Bucket(zone.url, store_proxy.endpoint).drop(source, "a.csv") == ("a.csv", True)
    assert contents(zone) == {"a.csv": b"cnpj\n1\n"}


def test_a_writer_that_always_meets_another_says_so(
    zone: Bucket, source: Path, store_proxy: StoreProxy
) -> None:
    store_proxy.add(Fault("PUT", 100, 409, CONFLICT))

    with pytest.raises(LandingZoneAway, match=r"others write 'a\.csv' all the time"):
        Bucket(zone.url, store_proxy.endpoint).drop(source, "a.csv")


def test_a_put_whose_answer_was_lost_is_found_again(
    zone: Bucket, source: Path, store_proxy: StoreProxy
) -> None:
    store_proxy.add(Fault("PUT", 1, 500, act=lambda: zone.drop(source, "a.csv")))

    assert Bucket(zone.url, store_proxy.endpoint).drop(source, "a.csv")[0] == "a.csv"
    assert contents(zone) == {"a.csv": b"cnpj\n1\n"}


@pytest.mark.parametrize("name", ["a.txt", "_a.csv", ".a.csv", "sub/a.csv"])
def test_a_name_that_would_not_be_ingested_is_refused(zone: Bucket, source: Path, name: str) -> None:
    with pytest.raises(EnvironmentRefused, match="would not be looked at"):
        zone.drop(source, name)
    assert contents(zone) == {}


def test_a_source_that_cannot_be_read_is_refused(zone: Bucket, source: Path) -> None:
    missing = source.with_name("no.csv")

    with pytest.raises(EnvironmentRefused, match=f"{missing} could not be dropped: No such file"):
        zone.drop(missing)


def test_more_than_one_put_takes_is_refused(
    zone: Bucket, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_dropping, "MOST", 6)

    with pytest.raises(EnvironmentRefused, match=r"more than 5 GB.*split it"):
        zone.drop(source)
    assert contents(zone) == {}
