"""The job `check`: what a run needs of the machine, the directories and Redis."""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from streaming import scratch
from streaming.domain.results import Check
from streaming.errors import CityFeaturesError, EnvironmentRefused, mending
from streaming.landing import moving
from streaming.landing.names import ARCHIVE
from streaming.settings import Settings
from streaming.spark import environment, java
from streaming.store import health, store
from streaming.store.store import Store

PROBE = bytes(4096)
ROOM = 200 * 10**6
"""Bytes that have to be free for what Spark and DuckDB put aside."""

HARMLESS = ("archive", "redis: memory", "redis: clock")
"""What a person has to mend, while a run counts all the same; a full Redis refuses a commit whole."""


def run(settings: Settings, connect: Callable[[], Store] | None = None) -> list[Check]:
    """Look at everything a run needs; never raises for what it finds. Redis is asked once."""
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
        _try("landing zone", lambda: _landing_zone(settings)),
        _try("checkpoints", lambda: _writable(settings.checkpoints, "CHECKPOINTS", make=True)),
        _try("quarantine", lambda: _quarantine(settings)),
        *([_try("archive", lambda: _archive(settings))] if settings.archive else []),
        *health.checks(connect or partial(store.connect, settings, retries=1)),
    ]


def blocking(checks: Iterable[Check]) -> list[Check]:
    """Return the failed checks that keep a run from counting."""
    return [check for check in checks if not check.ok and check.name not in HARMLESS]


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except CityFeaturesError as error:
        return Check(name, False, str(error))


def _writable(directory: Path, setting: str, *, make: bool = False) -> str:
    probe = directory / f".{uuid4().hex}"
    try:
        if make:
            directory.mkdir(parents=True, exist_ok=True)  # as a run does
        probe.write_bytes(PROBE)  # an empty file needs no room
        for lock in directory.glob(".*.lock"):  # root's, after `sudo city-features …`
            lock.open("a").close()
    except OSError as error:
        where = directory if error.filename in (None, str(probe)) else error.filename
        mend = "create it" if isinstance(error, FileNotFoundError) else "make it writable"
        raise EnvironmentRefused(
            f"{where} cannot be written: {error.strerror}; {mending(error, mend)} or set {setting}"
        ) from None
    finally:
        with suppress(OSError):  # what is wrong is said already
            probe.unlink()
    return str(directory.absolute())


def _landing_zone(settings: Settings) -> str:
    if isinstance(settings.landing_zone, Path):
        return _writable(settings.landing_zone, "LANDING_ZONE")
    return _conditions(settings.landing_zone, settings)


def _conditions(url: str, settings: Settings, *, archive: bool = False) -> str:
    """Write and remove an object of its own: does the store keep conditions?"""
    from streaming.landing.bucket import Bucket

    Bucket(url, settings.landing_zone_endpoint).conditions(archive=archive)
    return url


def _quarantine(settings: Settings) -> str:
    if isinstance(place := settings.quarantine or settings.landing_zone, str):
        return _conditions(place, settings)
    # Nobody is to find an empty landing zone where the name of it was mistyped.
    make = settings.quarantine is not None or settings.landing_directory.is_dir()
    return _writable(settings.quarantine_dir, "QUARANTINE", make=make)


def _archive(settings: Settings) -> str:
    if isinstance(settings.landing_zone, str):
        return _conditions(settings.landing_zone, settings, archive=True)
    landing_zone = settings.landing_zone
    directory = landing_zone / ARCHIVE
    try:
        if not moving.needs_copies(landing_zone, directory, f".{uuid4().hex}"):
            return str(directory.absolute())
        if not moving.keeps_times(directory):
            raise OSError(errno.ENOTSUP, "its file system does not keep times to the nanosecond")
    except OSError as error:
        raise EnvironmentRefused(
            f"{directory} cannot be written: {error.strerror}; counted files stay in the landing zone. "
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
