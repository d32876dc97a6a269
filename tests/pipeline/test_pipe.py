"""The pipe between Spark's source and the driver, without Spark."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from pyspark.sql.types import StructType

from streaming.domain.file import File
from streaming.pipeline import pipe as pipes
from streaming.pipeline.pipe import Pipe
from streaming.pipeline.source import Reader, Source

FILES = [File(1, "a.csv", 10), File(2, "São Paulo.csv", 20)]


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
def pipe(failures: list[BaseException]) -> Iterator[Pipe]:
    """A pipe that answers: files, nothing, no files, and then fails."""
    answers = iter([FILES, None, []])
    with closing(Pipe(lambda: next(answers), failures.append)) as opened:
        yield opened


def reader(pipe: Pipe) -> Reader:
    return Source({"address": pipe.address}).simpleStreamReader(StructType())


def test_the_reader_hands_on_the_drivers_answers(pipe: Pipe, failures: list[BaseException]) -> None:
    source = reader(pipe)
    start = source.initialOffset()

    rows, offset = source.read(start)
    assert list(rows) == [("a.csv", 10, 1), ("São Paulo.csv", 20, 2)]
    assert offset != start
    assert pipe.take() == FILES
    assert pipe.take() == []

    nothing, same = source.read(offset)
    assert (list(nothing), same) == ([], offset)

    rows, later = source.read(offset)
    assert list(rows) == [("", 0, 0)]  # Spark gets a row, and the query no file
    assert pipe.take() == []
    assert later not in (start, offset)
    assert failures == []


def test_a_driver_that_fails_ends_the_query_and_says_why(
    pipe: Pipe, failures: list[BaseException]
) -> None:
    source = reader(pipe)
    for _ in range(3):
        source.read(source.initialOffset())

    with pytest.raises(ConnectionError):
        source.read(source.initialOffset())

    assert [type(failure) for failure in failures] == [StopIteration]


def test_a_reader_that_ends_is_followed_by_another(pipe: Pipe) -> None:
    first = reader(pipe)
    first.read(first.initialOffset())
    assert first._driver is not None
    first._driver.close()

    second = reader(pipe)

    assert list(second.read(second.initialOffset())[0]) == []


def test_another_user_gets_no_answer(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes.os, "geteuid", lambda: os.getuid() + 1)
    source = reader(pipe)

    with pytest.raises(ConnectionError):
        source.read(source.initialOffset())


def test_a_name_that_is_not_utf8_does_not_end_the_query() -> None:
    odd = File(1, os.fsdecode(b"S\xe3o.csv"), 10)
    with closing(Pipe(lambda: [odd], lambda error: None)) as pipe:
        source = reader(pipe)

        assert list(source.read(source.initialOffset())[0]) == [("S\ufffdo.csv", 10, 1)]
        assert pipe.take() == [odd]


def test_offsets_of_another_source_are_a_beginning(pipe: Pipe) -> None:
    source = reader(pipe)

    assert source.read({"logOffset": 7})[1] == {"answers": 1}


def test_a_closed_pipe_takes_no_reader() -> None:
    before = threading.active_count()
    pipe = Pipe(lambda: None, lambda error: None)
    pipe.close()

    with pytest.raises(OSError):
        reader(pipe).read({})
    for thread in threading.enumerate():
        if thread.name == "pipe":
            thread.join(5)
    assert threading.active_count() <= before
