"""Whether a Redis server keeps what it acknowledges: its version, role, persistence and eviction."""

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
    except CityFeaturesError as error:
        yield Check("redis: readable", False, str(error))
        return
    yield _format(store)
    version = str(info["redis_version"])
    yield Check("redis: version", _number(version) >= REDIS, f"{version} (6.2 or newer)")
    yield Check(
        "redis: not a cluster",
        not info.get("cluster_enabled"),
        ("a single primary" if not info.get("cluster_enabled") else "the script needs all keys in one"),
    )
    yield Check(
        "redis: writable", info["role"] == "master", f"role {info['role']}; writes need the primary"
    )
    aof = settings.get("appendonly"), settings.get("appendfsync")
    yield Check(
        "redis: AOF",
        aof == ("yes", "always"),
        f"appendonly {aof[0]}, appendfsync {aof[1]} (yes, always: a commit survives a power cut)",
    )
    yield Check("redis: AOF replay", *replay(info, may_write))
    policy = settings.get("maxmemory-policy")
    yield Check(
        "redis: noeviction", policy == "noeviction", f"{policy} (or features vanish under pressure)"
    )


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
