"""Text files in a bucket are replaced as a whole."""

import errno
from collections.abc import Iterator

import pytest

from streaming.landing.bucket import Bucket
from streaming.landing.bucket_folder import BucketFolder


@pytest.fixture
def folder(zone: Bucket) -> BucketFolder:
    """A folder inside the zone, with a neighbour whose name begins like its own."""
    zone.store.put("_quarantine2/a.jsonl", b"no\n")
    return BucketFolder(zone, "_quarantine")


def test_a_file_is_read_as_it_was_written(folder: BucketFolder) -> None:
    lines = ['{"raw": "São João"}\n', "\r\x85\u2028\n", "no end"]

    folder.replace("2025-07/a.csv.jsonl", lines)

    assert list(folder.lines("2025-07/a.csv.jsonl")) == lines


def test_a_file_is_replaced_as_a_whole(folder: BucketFolder) -> None:
    folder.replace("a.jsonl", ["one\n"] * 1000)
    folder.replace("a.jsonl", ["two\n"])

    assert list(folder.lines("a.jsonl")) == ["two\n"]


def test_a_writer_that_fails_leaves_what_was_there(folder: BucketFolder) -> None:
    def broken() -> Iterator[str]:
        yield "half\n"
        raise RuntimeError("broken")

    folder.replace("a.jsonl", ["one\n"])
    with pytest.raises(RuntimeError):
        folder.replace("a.jsonl", broken())

    assert list(folder.lines("a.jsonl")) == ["one\n"]


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(folder: BucketFolder) -> None:
    long = [f"{number:09d}\n" for number in range(1_200_000)]
    folder.replace("a.jsonl", long)

    lines = folder.lines("a.jsonl")
    first = next(lines)
    folder.replace("a.jsonl", ["new\n"])

    assert [first, *lines] == long


def test_bytes_that_are_not_utf8_are_replaced(folder: BucketFolder) -> None:
    folder.bucket.store.put("_quarantine/a.jsonl", b"a\xffb\nc")

    assert list(folder.lines("a.jsonl")) == ["a\ufffdb\n", "c"]


def test_a_lone_surrogate_is_written_as_its_escape(folder: BucketFolder) -> None:
    folder.replace("a.jsonl", ["a\udcffb\n"])

    assert list(folder.lines("a.jsonl")) == ["a\\udcffb\n"]


def test_the_names_are_those_of_the_folder_in_order(folder: BucketFolder) -> None:
    assert folder.names() == []
    for name in ("b.jsonl", "a/c é.jsonl", ".hidden"):
        folder.replace(name, ["x\n"])

    assert folder.names() == ["a/c é.jsonl", "b.jsonl"]
    assert [folder.has(name) for name in ("b.jsonl", "a/c é.jsonl", "c.jsonl")] == [True, True, False]


def test_a_file_is_removed_once_or_twice(folder: BucketFolder) -> None:
    folder.replace("a.jsonl", ["x\n"])

    for _ in range(2):
        folder.remove("a.jsonl")
        assert folder.names() == []


def test_a_folder_may_be_a_whole_zone(zone: Bucket) -> None:
    folder = BucketFolder(zone)
    folder.replace("a.jsonl", ["x\n"])

    assert (str(folder), folder.names(), list(folder.lines("a.jsonl"))) == (
        zone.url,
        ["a.jsonl"],
        ["x\n"],
    )


def test_a_file_that_is_not_there_is_an_error_that_names_it(folder: BucketFolder) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        list(folder.lines("a.jsonl"))

    assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, f"{folder}/a.jsonl")


def test_a_store_that_is_gone_is_an_os_error_with_the_reason(zone: Bucket) -> None:
    folder = BucketFolder(Bucket(zone.url, "http://127.0.0.1:9"), "_quarantine")
    for ask in (
        folder.names,
        lambda: list(folder.lines("a")),
        lambda: folder.replace("a", ["x"]),
        lambda: folder.remove("a"),
        lambda: folder.has("a"),
    ):
        with pytest.raises(OSError, match="it does not answer") as raised:
            ask()
        assert raised.value.errno == errno.EIO
