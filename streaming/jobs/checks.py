"""What has to be right before a run: Java and Spark, directories, Redis."""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.exceptions import NoPermissionError, ResponseError

from streaming import scratch
from streaming.domain.results import Check
from streaming.errors import CityFeaturesError, EnvironmentRefused
from streaming.landing import moving
from streaming.settings import Settings
from streaming.spark import environment, java
from streaming.store.store import Store

PROBE = bytes(4096)
REDIS = (6, 2)
ROOM = 200 * 10**6
"""Bytes that have to be free for what Spark and DuckDB put aside."""
# Older servers replay the append-only file with the default user's rights, and leave out what it may not
# do, without an error: https://github.com/redis/redis/issues/14541, valkey-io/valkey/issues/3983.
REPLAYS = {"redis": (8, 6), "valkey": (9, 1, 2)}


def run(settings: Settings, connect: Callable[[], Store]) -> list[Check]:
    """Look at everything a run needs; never raises for what it finds."""
    return [
        _try("java", lambda: f"{java.version()} at {java.find()}"),
        _try("spark", lambda: str(environment.spark())),
        _try("python of the workers", lambda: _workers(settings)),
        _try("temporary directory", _temporary),
        _try("open files", environment.open_files),
        *(
            [_try("name of this machine", _resolves)]
            if settings.spark_master.startswith("spark:")
            else []
        ),
        _try("landing zone", lambda: _writable(settings.landing_zone, "LANDING_ZONE")),
        _try("checkpoints", lambda: _writable(settings.checkpoints, "CHECKPOINTS")),
        _try("quarantine", lambda: _writable(settings.quarantine_dir, "QUARANTINE", make=True)),
        *([_try("archive", lambda: _archive(settings.landing_zone))] if settings.archive else []),
        *_redis(connect),
    ]


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except CityFeaturesError as error:
        return Check(name, False, str(error))


def _writable(directory: Path, setting: str, *, make: bool = False) -> str:
    probe = directory / f".{uuid4().hex}"
    try:
        if make:
            directory.mkdir(exist_ok=True)
        probe.write_bytes(PROBE)  # an empty file needs no room
        for lock in directory.glob(".*.lock"):  # root's, after `sudo city-features …`
            lock.open("a").close()
    except OSError as error:
        where = error.filename or directory
        raise EnvironmentRefused(
            f"{where} can not be written: {error.strerror}; create it or set {setting}"
        ) from None
    finally:
        with suppress(OSError):  # what is wrong is said already
            probe.unlink()
    return str(directory.absolute())


def _archive(landing_zone: Path) -> str:
    directory = landing_zone / moving.DIRECTORY
    try:
        if not moving.needs_copies(landing_zone, directory, f".{uuid4().hex}"):
            return str(directory.absolute())
        if not moving.keeps_times(directory):
            raise OSError(errno.ENOTSUP, "its file system does not keep times to the nanosecond")
    except OSError as error:
        raise EnvironmentRefused(
            f"{directory} can not be written: {error.strerror}; counted files stay in the landing zone. "
            "Make it writable, or set ARCHIVE=off"
        ) from None
    return f"{directory.absolute()}, on another file system: files are copied there"


def _workers(settings: Settings) -> str:
    """Return the interpreter of Spark's workers: a cluster may have been shipped one of its own."""
    if not settings.spark_master.startswith("local") and "PYSPARK_PYTHON" in os.environ:
        return os.environ["PYSPARK_PYTHON"]
    if not os.access(sys.executable, os.X_OK):
        raise EnvironmentRefused(
            f"{sys.executable!r} cannot be run; start the program with its own python"
        )
    return sys.executable


def _temporary() -> str:
    """Make and remove a directory, as a run does."""
    parent = scratch.parent()
    _writable(parent, "TMPDIR")
    free = shutil.disk_usage(parent).free
    if free < ROOM:
        raise EnvironmentRefused(
            f"{parent} has {free // 10**6} MB free, less than {ROOM // 10**6}; make room or set TMPDIR"
        )
    unused = os.environ.get("SPARK_LOCAL_DIRS", "")
    is_used = not unused or str(parent) in (unused, unused.split(",")[0])
    return (
        str(parent)
        if is_used
        else f"{parent} (SPARK_LOCAL_DIRS={unused} cannot be written, is not used)"
    )


def _resolves() -> str:
    """Look up the address at which the workers of a cluster reach the driver."""
    if address := os.environ.get("SPARK_LOCAL_IP"):
        return address
    name = socket.gethostname()
    try:
        return f"{name} is {socket.gethostbyname(name)}"
    except OSError as error:
        raise EnvironmentRefused(
            f"{name} does not resolve: {error.strerror}; set SPARK_LOCAL_IP to its address"
        ) from None


def _redis(connect: Callable[[], Store]) -> Iterator[Check]:
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
    """Return whether the default user would have the right to write; None where it can't be seen."""
    try:
        said = store.client.execute_command("ACL", "DRYRUN", "default", "HINCRBYFLOAT", "a", "b", "1")
    except ResponseError:  # no right to ask, or older than 7
        return None
    return bool(said in (b"OK", "OK"))


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
