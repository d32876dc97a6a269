"""What goes wrong with an object store is said in one line, with what to do and without secrets."""

import errno
from pathlib import Path

import pytest

from streaming.domain.file import File
from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import objects
from streaming.landing.bucket import Bucket
from tests.object_store import SECRET, ObjectStore
from tests.store_proxy import Fault, StoreProxy

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


def said(zone: Bucket, tmp_path: Path) -> set[str]:
    """Ask all there is to ask; return what is said instead of an answer."""
    source = tmp_path / "a.csv"
    source.write_text("cnpj\n1\n")
    file = File(0, "a.csv", 7, "x")
    messages = set()
    for ask in (
        zone.listing,
        zone.archived,
        zone.reach,
        lambda: zone.look(["a.csv"]),
        lambda: zone.drop(source),
        lambda: zone.copy(file),
        lambda: zone.delete("a.csv"),
        lambda: zone.conditions(archive=True),
    ):
        with pytest.raises(LandingZoneAway) as raised:
            ask()
        messages.add(str(raised.value))
    for message in messages:
        assert message.startswith(f"{zone.url} cannot be ")
        assert not set(message) & set("\n\r<>")
        assert not any(word in message for word in ("http:", "X-Amz", SECRET, "wrong", "landing/"))
    return {message.partition(": ")[2] for message in messages}


def test_wrong_credentials(zone: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    advice = "set others, or let them read, write and list it"
    assert said(zone, tmp_path) == {
        f"its credentials are refused (403 SignatureDoesNotMatch); {advice}",
        f"its credentials are refused (403); {advice}",  # a HEAD has no body
    }
    with (
        pytest.raises(PermissionError, match="its credentials are refused") as raised,
        zone.opened(File(0, "a.csv", 7, "x")),
    ):
        pytest.fail("opened")
    assert raised.value.errno == errno.EACCES


def test_expired_credentials(zone: Bucket, tmp_path: Path, store_proxy: StoreProxy) -> None:
    for method in ("GET", "PUT", "POST"):
        store_proxy.add(Fault(method, 1000, 400, EXPIRED))

    with pytest.raises(LandingZoneAway, match=r"listed: its credentials have expired \(400 ExpiredTok"):
        Bucket(zone.url, store_proxy.endpoint).listing()


def test_no_credentials(zone: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert said(zone, tmp_path) == {
        "there are no credentials; set those of the store in the environment, or a role"
    }


def test_a_bucket_that_is_not_there(object_store: ObjectStore) -> None:
    zone = Bucket("s3://no-such-bucket/landing", object_store.endpoint)

    for ask in (zone.listing, zone.archived, zone.reach):
        with pytest.raises(LandingZoneAway) as raised:
            ask()
        assert str(raised.value) == (
            "s3://no-such-bucket/landing cannot be listed: there is no such bucket "
            "(404 NoSuchBucket); create it, or correct LANDING_ZONE or QUARANTINE"
        )


def test_a_server_that_is_gone(zone: Bucket, tmp_path: Path) -> None:
    assert said(Bucket(zone.url, "http://127.0.0.1:9"), tmp_path) == {
        "it does not answer; see that it runs and LANDING_ZONE_ENDPOINT is right"
    }


def test_a_server_that_does_not_answer_is_given_up(
    zone: Bucket, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objects.RETRY, "max_retries", 1)
    hanging = objects.make(zone.url, zone.endpoint, stalled=0.5)
    object_store.pause()
    try:
        with pytest.raises(LandingZoneAway, match="it does not answer"), objects.asking(zone, "listed"):
            hanging.list_with_delimiter()
    finally:
        object_store.resume()


def test_a_server_that_is_busy(zone: Bucket, store_proxy: StoreProxy) -> None:
    store_proxy.add(Fault("GET", 1000, 503, b"<Error><Code>SlowDown</Code></Error>"))

    with pytest.raises(LandingZoneAway, match=r"listed: it answers 503 SlowDown; try again later$"):
        Bucket(zone.url, store_proxy.endpoint).listing()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://", "'s3://'"),
        ("s3://Bad Bucket!/x", "'s3://Bad Bucket!/x'"),
        ("s3://user:password@bucket/x", "'s3:…bucket/x'"),
        ("s3://bucket/a//b", "'s3://bucket/a//b'"),
        ("s3://bucket/../b", "'s3://bucket/../b'"),
        ("ftp://bucket/x", "'ftp://bucket/x'"),
    ],
)
def test_a_malformed_url_is_refused(url: str, shown: str) -> None:
    with pytest.raises(EnvironmentRefused) as raised:
        objects.make(url)
    assert str(raised.value) == (
        f"{shown} is no prefix of an object store; set LANDING_ZONE to s3://bucket/prefix, "
        "gs://bucket/prefix or az://container/prefix"
    )


@pytest.mark.parametrize("endpoint", ["nonsense", "http://user:password@host", "http://a b", ""])
def test_a_malformed_endpoint_is_refused_and_not_shown(endpoint: str) -> None:
    with pytest.raises(EnvironmentRefused) as raised:
        objects.make("s3://bucket/x", endpoint)
    assert str(raised.value) == (
        "the endpoint of s3://bucket/x is malformed; set LANDING_ZONE_ENDPOINT to http(s)://host:port"
    )


def test_half_of_the_credentials_are_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")

    with pytest.raises(EnvironmentRefused) as raised:
        objects.make("s3://bucket/x")

    assert str(raised.value) == (
        "s3://bucket/x cannot be used: Generic S3 error: Missing SecretAccessKey; "
        "set what is missing in the environment (AWS_…, GOOGLE_…, AZURE_…)"
    )


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_each_kind_of_store_takes_an_endpoint(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    made = objects.make(f"{scheme}://bucket/a%20b/é/", "http://127.0.0.1:9")

    assert made.prefix == "a%20b/é"
