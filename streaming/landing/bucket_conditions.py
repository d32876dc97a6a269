"""
Removes an object only if it is still one version, and asks a store whether it keeps such conditions.

obstore has no conditional delete, so it signs the URL, and Python's own client sends the request.
"""

import http.client
from contextlib import suppress
from datetime import timedelta
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from streaming.errors import EnvironmentRefused, LandingZoneAway
from streaming.landing import objects
from streaming.landing.objects import Store

WRONG = '"00000000000000000000000000000000"'


class _Busy(Exception):
    """The store did not answer, or said that it is at fault."""


def delete(store: Store, url: str, path: str, tag: str) -> None:
    """
    Remove an object if it has this ETag; one that is gone or has another is no error.

    Raises:
        LandingZoneAway: the store did not do it.
    """
    tries = Retrying(
        retry=retry_if_exception_type(_Busy),
        stop=stop_after_attempt(4),
        wait=wait_exponential(0.1, max=5),
        reraise=True,
    )
    with objects.asking(url, "written"):
        try:
            tries(_delete, store, path, f'"{tag}"')
        except (HTTPError, _Busy) as error:
            raise LandingZoneAway(f"{path} of {url} cannot be removed: {error}; try again") from None


def _delete(store: Store, path: str, condition: str) -> None:
    signed = obstore.sign(store, "DELETE", path, timedelta(minutes=1))
    request = Request(signed, method="DELETE", headers={"If-Match": condition})  # noqa: S310  obstore's
    try:
        urlopen(request, timeout=objects.STALLED).close()  # noqa: S310
    except HTTPError as error:
        if error.code >= 500 or error.code == 429:
            raise _Busy(str(error)) from None
        if error.code not in objects.GONE_OR_ANOTHER:
            raise
    except (URLError, OSError, http.client.HTTPException):
        raise _Busy("it does not answer") from None


def check(store: Store, url: str, *, archive: bool) -> None:
    """
    Write and remove an object of its own, to see whether the store keeps conditions.

    Raises:
        EnvironmentRefused: it ignores one: files would be lost; or, with `archive`, it ignores that of a
            removal.
        LandingZoneAway: it cannot be asked.
    """
    path = f".{uuid4().hex}.probing"
    with objects.asking(url, "written"):
        try:
            _check(store, url, path, archive=archive)
        finally:
            with suppress(FileNotFoundError):
                store.delete(path)


def _check(store: Store, url: str, path: str, *, archive: bool) -> None:
    tag = store.put(path, b"probe", mode="create")["e_tag"]
    with suppress(AlreadyExistsError):
        store.put(path, b"other", mode="create")
        raise EnvironmentRefused(
            f"{url} ignores If-None-Match, so that dropped files would replace others; "
            "use a store that keeps it"
        )
    with suppress(PreconditionError):
        store.get(path, options={"if_match": WRONG})
        raise EnvironmentRefused(
            f"{url} ignores If-Match, so that a file may change while it is read; "
            "use a store that keeps it"
        )
    store.get(path, options={"if_match": tag})
    if archive:
        delete(store, url, path, WRONG.strip('"'))
        try:
            store.head(path)
        except FileNotFoundError:
            raise EnvironmentRefused(
                f"{url} ignores If-Match when it removes, so that the archive would lose files that are "
                "replaced meanwhile; set ARCHIVE=off or use a store that keeps it"
            ) from None
