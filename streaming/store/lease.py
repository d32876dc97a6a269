"""
Leases in Redis: who may work now, among processes on any number of machines.

A lease is a key that runs out by itself, so a holder that died is succeeded. Its value is the holder's
own. `Lease.store` has the scripts compare it with each commit, so a holder that was away for longer than
its lease writes nothing. Leases only save work: that a company counts once is guarded by the version.

| lease | held |
|---|---|
| `run`, `follow` | by the one `run`, and the one `run --follow`, of a landing zone |
| `rebuild` | by the one rebuild of a Redis; no batch begins meanwhile |
"""

import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import structlog

from streaming.errors import CityFeaturesError, LeaseLost, RedisUnavailable, Stopped
from streaming.store import keys
from streaming.store.reader import text
from streaming.store.script_runner import packed
from streaming.store.store import Store

TTL = 15.0
"""Seconds after which the lease of a silent holder runs out."""
RENEWALS = 3
"""How often a lease is renewed in that time."""
POLL = 0.25

WAITING = {
    keys.RUN: "another run has this landing zone: waiting for it",
    keys.FOLLOW: "another run --follow has this landing zone: waiting for it",
    keys.REBUILDING: "a rebuild is under way: waiting for it",
}

UNKNOWN = "another process has the lease: waiting for it"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.store.lease")


def _machine() -> str:
    """Return what only processes that see each other's numbers share; nothing where that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}:{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


MACHINE = _machine()


class Lease:
    """
    One lease of this process: one thread takes it and gives it back, another renews it.

    Every method raises RedisUnavailable or RedisRefused, as those of the store do.
    """

    def __init__(
        self, store: Store, role: str, zone: str = "", stop: threading.Event | None = None
    ) -> None:
        """
        Name a lease, without taking it.

        Args:
            role: `run`, `follow` or `rebuild`.
            zone: the landing zone, of `run` and `follow`.
            stop: ends every wait for the lease.
        """
        holder = {"role": role, "host": socket.gethostname(), "pid": os.getpid(), "zone": zone}
        self._value = json.dumps({**holder, "machine": MACHINE, "id": uuid4().hex})
        self._key = store.key(keys.lease(role, zone))
        self._rebuild = store.key(keys.lease(keys.REBUILDING, ""))
        self._root = store
        self._stop = stop or threading.Event()
        self._closing = threading.Event()
        self._renewing: threading.Thread | None = None
        self.store = store.fenced(self._key, self._value)
        """The store that refuses commits with LeaseLost while this lease is not held."""

    def take(self, *, for_batch: bool = False) -> None:
        """
        Hold the lease, as soon as nobody else does; one that is held already stays so.

        Args:
            for_batch: also wait for a rebuild that is under way.

        Raises:
            Stopped: `stop` was set before.
        """
        announced = False
        while not self._stop.is_set():
            in_the_way = self.attempt(for_batch=for_batch)
            if not in_the_way:
                return
            if not announced:
                role = str(_fields(in_the_way).get("role"))
                log.warning(WAITING.get(role, UNKNOWN), holder=described(in_the_way))
                announced = True
            self._stop.wait(POLL)
        raise Stopped("stopped; what was committed stays")

    def attempt(self, *, for_batch: bool = False) -> str:
        """
        Hold the lease if nobody else does.

        Returns:
            The value of the living holder that is in the way; nothing where the lease is held now.
        """
        names = [self._key, self._rebuild] if for_batch else [self._key]
        in_the_way = self._attempt(names)
        if has_ended(in_the_way):
            in_the_way = self._attempt(names, in_the_way)
        if not in_the_way and self._renewing is None:
            self._closing.clear()
            self._renewing = threading.Thread(target=self._renew, daemon=True)
            self._renewing.start()
        return in_the_way

    def keep(self) -> None:
        """Renew the lease; raises LeaseLost where it ran out, or another process has it."""
        self._root.script("keep_lease", [self._key], packed([self._value, _milliseconds(TTL)]))

    def close(self, *, is_away: bool = False) -> None:
        """Give the lease back if it is held; where Redis is away, it runs out."""
        if self._renewing is not None:
            self._closing.set()
            self._renewing.join()
            self._renewing = None
            if not is_away:
                with suppress(CityFeaturesError):
                    self._root.script("keep_lease", [self._key], packed([self._value, 0]))

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # A command that ends because Redis is away does not try for another ten seconds.
        self.close(is_away=kind is not None and issubclass(kind, RedisUnavailable))

    def _attempt(self, names: list[str], ended: str = "") -> str:
        """Hold the lease if nobody but a holder that has ended does; return who else does."""
        argument = packed([self._value, _milliseconds(TTL), ended])
        return self._root.script("take_lease", names, argument)

    def _renew(self) -> None:
        """Renew the lease until it is given back; one that was lost is left to `take`."""
        while not self._closing.wait(TTL / RENEWALS):
            try:
                self.keep()
            except LeaseLost as lost:
                log.debug("not renewed", why=str(lost))
            except CityFeaturesError as error:  # Redis is away: whoever needs it says so
                log.debug("not renewed", why=str(error))


def held(store: Store, zone: str) -> list[str]:
    """Return who runs and follows on this landing zone, and who rebuilds, a line each."""
    names = [keys.lease(keys.RUN, zone), keys.lease(keys.FOLLOW, zone), keys.lease(keys.REBUILDING, "")]
    with store.translated():
        values = [text(value) for value in store.client.mget(map(store.key, names)) if value]
    return [f"{_fields(value).get('role')}: {described(value)}" for value in values]


def is_held(store: Store, role: str, zone: str = "") -> bool:
    """Return whether a process holds this lease; a user who may only look for keys may ask."""
    with store.translated():
        return bool(store.client.exists(store.key(keys.lease(role, zone))))


def described(value: str) -> str:
    """Return who holds a lease of this value, for people."""
    holder = _fields(value)
    return f"process {holder.get('pid')} on {holder.get('host')}"


def has_ended(value: str) -> bool:
    """
    Return whether the holder of this value is known to have ended: a process of this machine.

    Where another process has its number by now, that is not known, and its lease has to run out.
    """
    holder = _fields(value)
    if not MACHINE or holder.get("machine") != MACHINE:
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        return False
    return False


def _fields(value: str) -> dict[str, Any]:
    """Return what a value tells of its holder; nothing where it is not one of ours."""
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
