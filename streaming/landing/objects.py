"""
Makes the client of an object store, and says in one line what went wrong there.

Credentials come from the environment, as obstore reads them, in each process anew. The messages of
obstore have URLs and answers in them; of those only the status and the code of the error are shown.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from streaming.errors import EnvironmentRefused, LandingZoneAway

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

Store: TypeAlias = S3Store | GCSStore | AzureStore

STALLED = 10
"""Seconds without a byte after which a request is given up, and tried again."""
GONE_OR_ANOTHER = (404, 412)
"""Answers to a request for one version of an object."""
LONGEST = 3600
"""Seconds that a download may take as long as bytes come."""
RETRY: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}

_URL = re.compile(r"(s3|gs|az)://([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_ENDPOINT = re.compile(r"https?://[^\s@?#]+")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})\b")
_METADATA = re.compile(r"/latest/(?:api/token|meta-data)|/metadata/identity|computeMetadata")
_EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "InvalidToken", "RequestExpired")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")


def make(url: str, endpoint: str | None = None, stalled: float = STALLED) -> Store:
    """
    Return a new client of the bucket and prefix of a URL (s3://, gs://, az://); it asks nothing yet.

    A request without an answer for `stalled` seconds is tried again; also that of a put, which gets its
    answer at the end.

    Raises:
        EnvironmentRefused: the URL or the endpoint is malformed.
    """
    match = _URL.fullmatch(url)
    if not match or {"", ".", ".."} & set((match[3] or "x").strip("/").split("/")):
        raise EnvironmentRefused(
            f"{_shown(url)} is no prefix of an object store; set LANDING_ZONE to s3://bucket/prefix, "
            "gs://bucket/prefix or az://container/prefix"
        )
    if endpoint is not None and not _ENDPOINT.fullmatch(endpoint):
        raise EnvironmentRefused(
            f"the endpoint of {url} is malformed; set LANDING_ZONE_ENDPOINT to http(s)://host:port"
        )
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=stalled),
        "timeout": timedelta(seconds=max(stalled, LONGEST)),
    }
    if endpoint and endpoint.startswith("http://"):
        client["allow_http"] = True
    scheme, name, prefix = match[1], match[2], (match[3] or "").strip("/") or None
    try:
        if scheme == "s3":
            s3: S3Config = {"endpoint": endpoint} if endpoint else {}
            return S3Store(name, prefix=prefix, config=s3, client_options=client, retry_config=RETRY)
        if scheme == "gs":
            gs: GCSConfig = {"base_url": endpoint} if endpoint else {}
            return GCSStore(name, prefix=prefix, config=gs, client_options=client, retry_config=RETRY)
        az: AzureConfig = {"endpoint": endpoint} if endpoint else {}
        return AzureStore(name, prefix=prefix, config=az, client_options=client, retry_config=RETRY)
    except (BaseError, ValueError) as error:
        raise EnvironmentRefused(
            f"{url} cannot be used: {reason(error)}; set what is missing in the environment "
            "(AWS_…, GOOGLE_…, AZURE_…)"
        ) from None


@cache
def store(url: str, endpoint: str | None) -> Store:
    """Return the client that this process has for a URL; raises as `make`."""
    return make(url, endpoint)


def patient(url: str, endpoint: str | None, size: int, bytes_a_second: int) -> Store:
    """Return a client that waits for a request which moves `size` bytes before it answers."""
    seconds = size / bytes_a_second
    return store(url, endpoint) if seconds < 1 else make(url, endpoint, STALLED + seconds)


def status_of(error: Exception) -> int:
    """Return the HTTP status of the store's answer that obstore did not take; 0: there was none."""
    return int(match[1]) if (match := _STATUS.search(str(error))) else 0


def reason(error: Exception) -> str:
    """Return in one line why the store refused or failed, and what to do; without URLs and secrets."""
    text = str(error).partition("\n\nDebug source")[0]
    code = match[1] if (match := _CODE.search(text)) else ""
    status = status_of(error)
    answer = " ".join(filter(None, (str(status or ""), code)))
    if _METADATA.search(text):
        return "there are no credentials; set those of the store in the environment, or a role"
    if code in _EXPIRED:
        return f"its credentials have expired ({answer}); renew them in the environment"
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or status in (401, 403):
        return f"its credentials are refused ({answer}); set others, or let them read, write and list it"
    if code in _NO_BUCKET:
        return f"there is no such bucket ({answer}); create it, or correct LANDING_ZONE or QUARANTINE"
    if isinstance(error, InvalidPathError) or "invalid path" in text:
        key = re.search(r'[Pp]ath "(.*?)"(?: contained|:)', text, re.DOTALL)
        return (
            f"the key {key[1] if key else '?'!r} has an empty part, '.', '..' or a control character, "
            "and no client can list past it; rename or delete that object"
        )
    if status == 400 and not code:  # the answer to a HEAD says no more
        return "it answers 400, as to credentials that have expired; see that, then try again"
    if status:
        return f"it answers {answer}; try again later"
    if "HTTP error" in text or "timed out" in text:
        return "it does not answer; see that it runs and LANDING_ZONE_ENDPOINT is right"
    return re.sub(r"\w+://\S+", "…", text.partition("\n")[0])[:200]


@contextmanager
def asking(place: object, deed: str) -> Iterator[None]:
    """Turn errors of the store into LandingZoneAway: `place` cannot be `deed`."""
    try:
        yield
    except BaseError as error:
        raise LandingZoneAway(f"{place} cannot be {deed}: {reason(error)}") from None


@contextmanager
def as_os_error(place: str) -> Iterator[None]:
    """Turn errors of the store into OSError with the reason and the place."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(errno.EACCES, reason(error), place) from None
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such object", place) from None
    except (BaseError, ValueError) as error:
        raise OSError(errno.EIO, reason(error), place) from None


def _shown(url: str) -> str:
    """Return a malformed URL without what may be credentials."""
    return repr(re.sub(r"//[^/]*@|[?#].*", "…", url))
