"""What the store counts for metrics: conflicts, and commands that were sent again."""

import pytest
import redis
from redis.backoff import NoBackoff

from streaming.errors import Conflict
from streaming.metrics import tally
from streaming.store.client import RetryTransient
from streaming.store.store import Store
from tests.store.commits import commit


def test_a_commit_that_loses_to_another_writer_is_counted(store: Store) -> None:
    before = tally.count(tally.CONFLICTS)
    store.merge(commit())
    with pytest.raises(Conflict):
        store.merge(commit())
    assert tally.count(tally.CONFLICTS) == before + 1


def test_each_repetition_of_a_command_is_counted() -> None:
    before = tally.count(tally.REDIS_RETRIES)
    errors = [redis.ConnectionError(), redis.TimeoutError()]

    def do() -> str:
        if errors:
            raise errors.pop()
        return "done"

    retry = RetryTransient(NoBackoff(), 5)
    assert retry.call_with_retry(do, lambda _: None) == "done"
    assert tally.count(tally.REDIS_RETRIES) == before + 2
    with pytest.raises(redis.AuthenticationError):
        retry.call_with_retry(lambda: _raise(redis.AuthenticationError()), lambda _: None)
    assert tally.count(tally.REDIS_RETRIES) == before + 2


def _raise(error: Exception) -> None:
    raise error
