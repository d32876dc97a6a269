"""A Redis that sentinels name: its URL, a failover, and commits that no replica has."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streaming.errors import EnvironmentRefused, RedisUnavailable
from streaming.settings import load
from streaming.store import client, sentinel
from streaming.store.store import Store
from tests.store.commits import commit, values
from tests.store.sentinels import Sentinels

FIRST = commit(("Natal", "RN", "1.00", 1))
SECOND = commit(("Natal", "RN", "2.00", 1), expected=1, file="b.csv")


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """A primary, a replica and three sentinels."""
    made = Sentinels(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://there:26379",
        "redis+sentinel:///features",
        "redis+sentinel://there,/features",
        "redis+sentinel://there:port/features",
        "redis+sentinel://there/features/0/1",
        "redis+sentinel://there/features?ssl_ca_certs=/absent.pem",
        "redis+sentinel://there/features?no_such_option=1",
    ],
)
def test_a_url_of_another_form_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(EnvironmentRefused, match="REDIS_URL") as refused:
        client.connect(url, retries=0)
    assert "there" not in str(refused.value)


def test_user_password_and_options_are_the_primarys_and_tls_is_for_all(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    url = (
        "rediss+sentinel://maria:s3%40t@a:1,[::1]:2,c/features/3"
        f"?ssl_ca_certs={tmp_path / 'ca.pem'}&sentinel_password=other"
    )
    made = client.connect(url, retries=0)
    options = made.connection_pool.connection_kwargs
    assert (options["username"], options["password"], options["db"]) == ("maria", "s3@t", 3)
    assert made.connection_pool.connection_class is client.VerifiedManagedConnection
    asked = [one.connection_pool for one in made.connection_pool.sentinel_manager.sentinels]
    assert [(p.connection_kwargs["host"], p.connection_kwargs["port"]) for p in asked] == [
        ("a", 1),
        ("::1", 2),
        ("c", sentinel.PORT),
    ]
    for pool in asked:
        assert pool.connection_kwargs["password"] == "other"
        assert pool.connection_kwargs.get("username") is None
        assert pool.connection_kwargs["ssl_ca_certs"] == str(tmp_path / "ca.pem")


def test_sentinels_that_do_not_answer_are_named_without_the_password() -> None:
    url = "redis+sentinel://maria:s3cr3t@127.0.0.1:1,127.0.0.1:2/features"
    store = Store(url, load(_env_file=None, redis_url=url), retries=1)
    place = r"redis\+sentinel://127\.0\.0\.1:1,127\.0\.0\.1:2/features does not answer"
    with pytest.raises(RedisUnavailable, match=place) as raised:
        store.version()
    assert "s3cr3t" not in str(raised.value)


def test_a_commit_after_the_end_of_the_primary_goes_to_the_new_one(sentinels: Sentinels) -> None:
    store = sentinels.store()
    with capture_logs() as logs:
        store.merge(FIRST)
    assert logs == []
    sentinels.primary.kill()
    sentinels.sentinels[0].kill()
    assert store.merge(SECOND) == 2
    assert sentinels.is_promoted()
    assert values(store, "Natal") == ("3.00", "2", "1.50")


def test_a_commit_that_no_replica_has_is_told_and_the_next_does_not_wait(sentinels: Sentinels) -> None:
    store = sentinels.store()
    sentinels.replica.signal(signal.SIGSTOP)
    began = time.monotonic()
    with capture_logs() as logs:
        store.merge(FIRST)
    assert 1 <= time.monotonic() - began < 10
    (entry,) = logs
    assert (entry["log_level"], entry["version"]) == ("warning", 1)
    assert "no replica has this commit on disk" in entry["event"]
    with capture_logs() as logs:
        assert store.merge(SECOND) == 2
    assert logs == []
