"""The one line of a Spark error that says what happened."""

from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from streaming.errors import EnvironmentRefused
from streaming.spark import session


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (EnvironmentRefused("make it writable: then run again"), "make it writable: then run again"),
        (ValueError("no such thing"), "a worker failed: ValueError: no such thing"),
    ],
)
def test_an_error_of_a_worker_is_told_in_its_own_words(
    spark: SparkSession, error: Exception, line: str
) -> None:
    def fail(batches: Iterator[Any]) -> Iterator[Any]:
        raise error

    with pytest.raises(PySparkException) as raised:
        spark.range(1).mapInArrow(fail, "id bigint").collect()

    assert session.cause(raised.value) == line
