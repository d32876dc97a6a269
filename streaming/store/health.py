"""Whether a Redis server keeps what it acknowledges: version, role, persistence, memory and clock."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from streaming.domain.results import Check
from streaming.errors import CityFeaturesError
from streaming.store.store import Store

REDIS = (6, 2)
# Older servers replay the append-only file with the default user's rights, and leave out what it may not
# do, without an error: https://github.com/redis/redis/issues/14541, valkey-io/valkey/issues/3983.
REPLAYS = {"redis": (8, 6), "valkey": (9, 1, 2)}

FULL = 0.9
"""The part of its memory from which on Redis may refuse the next commit."""
ROOM = 32 * 2**20
"""Bytes that have to be free all the same: a large commit, and its buffers."""
APART = 5.0
"""Seconds by which the clocks of Redis and of this machine may differ."""


def checks(connect: Callable[[], Store]) -> Iterator[Check]:
    """Yield what a run needs of the Redis server; never raises for what it finds."""
    try:
        store = connect()
        with store.translated():
            store.client.ping()
    except CityFeaturesError as error:
        yield Check("redis: reachable", False, str(error))
        return
    yield Check("redis: reachable", True, store.place)
    try:
        with store.translated():
            info: dict[str, Any] = store.client.info()
            settings: dict[str, str] = _config(store)
            may_write = _default_may_write(store)
            ahead = _ahead(store)
    except CityFeaturesError as error:
        yield Check("redis: readable", False, str(error))
        return
    yield _format(store)
    yield Check("redis: memory", *memory(info))
    yield Check("redis: clock", *apart(ahead))
    version = str(info["redis_version"])
    yield _right("redis: version", _number(version) >= REDIS, version, "install 6.2 or newer")
    cluster = bool(info.get("cluster_enabled"))
    one = "a cluster" if cluster else "a single primary"
    yield _right(
        "redis: not a cluster", not cluster, one, "use one primary: a script needs all keys in one"
    )
    role = f"role {info['role']}"
    yield _right("redis: writable", info["role"] == "master", role, "point REDIS_URL at the primary")
    aof = settings.get("appendonly"), settings.get("appendfsync")
    yield _right(
        "redis: AOF",
        aof == ("yes", "always"),
        f"appendonly {aof[0]}, appendfsync {aof[1]}",
        "set appendonly yes and appendfsync always, or a power cut loses commits",
    )
    yield Check("redis: AOF replay", *replay(info, may_write))
    policy = str(settings.get("maxmemory-policy"))
    mend = "set maxmemory-policy noeviction, or features vanish under pressure"
    yield _right("redis: noeviction", policy == "noeviction", policy, mend)


def _right(name: str, ok: bool, state: str, mend: str) -> Check:
    """Return a check that tells what there is, and what to do where that is wrong."""
    return Check(name, ok, state if ok else f"{state}; {mend}")


def memory(info: dict[str, Any]) -> tuple[bool, str]:
    """Return whether this server (INFO) has memory for more commits, and how much it uses."""
    used, bound = int(info["used_memory"]), int(info.get("maxmemory") or 0)
    machine = int(info.get("total_system_memory") or 0)  # INFO of a managed Redis may lack it
    most = bound or machine
    state = f"{used // 2**20} MB of {most // 2**20} MB used" if most else f"{used // 2**20} MB used"
    if machine and bound > machine:
        return False, (
            f"maxmemory is {bound // 2**20} MB, and its machine has {machine // 2**20} MB: "
            "lower maxmemory, or Redis is killed before it is full"
        )
    if most and most - used < max(ROOM, (1 - FULL) * most):
        mend = "raise maxmemory" if bound else "give its machine more memory"
        return False, f"{state}; {mend}, or the next commits are refused"
    return True, state


def apart(seconds: float | None) -> tuple[bool, str]:
    """Return whether a clock that is so many seconds ahead of Redis' is right; None: not readable."""
    if seconds is None:
        return True, "not readable with this user"
    if abs(seconds) <= APART:
        return True, f"{abs(seconds):.1f} s apart"
    side = "ahead of" if seconds > 0 else "behind"
    return False, (
        f"the clock of this machine is {abs(seconds):.1f} s {side} that of Redis; "
        "synchronize both (timedatectl set-ntp true), or times of commits and of files are wrong"
    )


def _ahead(store: Store) -> float | None:
    """Return by how many seconds the clock here is ahead of Redis'; None where it may not be asked."""
    before = time.time()
    try:
        seconds, micros = store.client.time()
    except NoPermissionError:
        return None
    return (before + time.time()) / 2 - (int(seconds) + int(micros) / 1e6)


def _format(store: Store) -> Check:
    try:
        stored = store.format()
        store.require_format()
    except CityFeaturesError as error:
        return Check("redis: format", False, str(error))
    return Check("redis: format", True, f"{stored}" if stored is not None else "empty")


def replay(info: dict[str, Any], default_may_write: bool | None) -> tuple[bool, str]:
    """Return whether a restart of this server (INFO) brings all commits back, and what was seen."""
    name = str(info.get("server_name", "redis"))
    version = str(info.get(f"{name}_version", info["redis_version"]))
    if name in REPLAYS and _number(version) >= REPLAYS[name]:
        return True, f"{name} {version} replays whatever was written"
    if default_may_write is None:
        return (
            True,
            f"{name} {version}: needs a default user who may write, on or off (not readable here)",
        )
    if default_may_write:
        return True, f"{name} {version}: the default user may write, on or off"
    return False, (
        f"{name} {version} would lose every commit at a restart, as its default user may not write: "
        "switch that user off instead (ACL SETUSER default off +@all ~*)"
    )


def _default_may_write(store: Store) -> bool | None:
    """Return whether the default user would have the right to write; None where it cannot be seen."""
    try:
        reply = store.client.execute_command("ACL", "DRYRUN", "default", "HINCRBYFLOAT", "a", "b", "1")
    except ResponseError:  # no right to ask, or older than 7
        return None
    return bool(reply in (b"OK", "OK"))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _config(store: Store) -> dict[str, str]:
    """Return the server's settings; a server that hides them tells AOF and policy in INFO."""
    try:
        return {
            str(k): str(v) for k, v in store.client.config_get("append*", "maxmemory-policy").items()
        }
    except NoPermissionError:
        info: dict[str, Any] = store.client.info()
        return {
            "appendonly": "yes" if info.get("aof_enabled") else "no",
            "appendfsync": "not readable with this user",
            "maxmemory-policy": str(info.get("maxmemory_policy")),
        }
