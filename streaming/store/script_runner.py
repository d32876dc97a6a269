"""
The service's scripts: each writes all it has to, or nothing.

A script gets its keys, and one value in MessagePack. It answers with three texts: what happened, the key
it is about, and a detail. This module runs them and raises the errors that the answers stand for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import msgpack
import redis

from streaming.errors import CityFeaturesError, Conflict, KeyRefused, LeaseLost, RedisRefused
from streaming.metrics import tally
from streaming.store import formats


class Scripts:
    """The scripts on one client."""

    def __init__(self, client: Any, place: str) -> None:
        self._client = client
        self._place = place
        self._registered: dict[str, Any] = {}

    def run(self, name: str, keys: Sequence[str], argument: bytes, connection: Any | None = None) -> str:
        """
        Run the script of this name, over any connection of the client or over this one.

        Returns:
            What it came to.

        Raises:
            Conflict: another writer was there first.
            FormatRefused: what is there was written by another version of the service.
            LeaseLost: the lease that it was to be written under is not held.
            KeyRefused: a key holds something else, or a sum would no longer be exact.
            RedisRefused: this user may not do all of it.
        """
        if name not in self._registered:
            text = files("streaming.store").joinpath("scripts", f"{name}.lua").read_text("utf-8")
            self._registered[name] = self._client.register_script(text)
        reply = self._registered[name](keys=keys, args=[argument], client=connection)
        kind, key, detail = (str(part, "utf-8", "replace") for part in reply)
        if kind == "done":
            return detail
        raise self._error(kind, key, detail)

    def _error(self, kind: str, key: str, detail: str) -> CityFeaturesError:
        if kind == "conflict":
            tally.add(tally.CONFLICTS)
            return Conflict(f"{key!r} is {detail}, no longer what was expected")
        if kind == "lease":
            return LeaseLost(f"the lease {key!r} ran out or is another's; nothing was written")
        if kind == "format":
            return formats.refused(detail, self._place)
        if kind == "denied":
            return RedisRefused(
                f"Redis at {self._place} does not let this user run {detail} on key {key!r}; "
                "nothing was written"
            )
        if kind == "limit":
            return KeyRefused(
                f"key {key!r} {detail}, beyond which cents are not exact; the key is right as it is. "
                "Nothing of the file was counted: correct it or delete it"
            )
        return KeyRefused(
            f"key {key!r} {detail}; nothing was written. Move or delete it, then run again"
        )


def packed(value: object) -> bytes:
    """Return a value as scripts take it; names of files may be no UTF-8."""
    argument: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogateescape")
    return argument


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Name the key where its value turns out not to be the service's."""
    try:
        yield
    except redis.ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        raise KeyRefused(f"key {key!r} holds another kind of value; move or delete it") from None
    except (ValueError, TypeError, ArithmeticError):
        raise KeyRefused(f"key {key!r} holds a value that is not ours; move or delete it") from None
