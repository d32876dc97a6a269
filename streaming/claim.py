"""What a run takes hold of before Spark starts: its checkpoint, and the files that wait."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import structlog

from streaming.errors import EnvironmentRefused, Stopped
from streaming.landing import local
from streaming.landing.local import File
from streaming.pipeline import archive
from streaming.settings import Settings
from streaming.store import rebuild_namespace
from streaming.store.store import Store

POLL = 0.05
REBUILD = "rebuild"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.claim")


@contextmanager
def claimed(settings: Settings, name: str, stop: threading.Event) -> Iterator[Path]:
    """
    Yield the checkpoint of this name, held for this process alone.

    Spark allows one query a checkpoint; another run on the same one is waited for.

    Raises:
        EnvironmentRefused: the directory can not be written.
        Stopped: `stop` was set before the checkpoint was free.
    """
    directory = settings.checkpoints.absolute() / name
    said = f"another run has this checkpoint: waiting for it ({directory})"
    with _locked(settings, name, fcntl.LOCK_EX, stop, said):
        try:
            directory.mkdir(exist_ok=True)
        except OSError as error:
            raise _refused(directory, error) from None
        yield directory


def writing(settings: Settings, stop: threading.Event) -> AbstractContextManager[None]:
    """Hold off a rebuild while a batch is ingested, after the one that may be under way."""
    said = "a rebuild is under way: waiting for it"
    return _locked(settings, REBUILD, fcntl.LOCK_SH, stop, said)


def rebuilding(settings: Settings, stop: threading.Event) -> AbstractContextManager[None]:
    """Hold off every batch, after those in hand, and every other rebuild."""
    said = "a batch or another rebuild is in hand: waiting for it"
    return _locked(settings, REBUILD, fcntl.LOCK_EX, stop, said)


def clean(settings: Settings, store: Store) -> None:
    """Remove what an interrupted rebuild left in Redis, unless one is under way."""
    with _opened(settings, REBUILD) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        rebuild_namespace.clean(store)


def _opened(settings: Settings, name: str) -> IO[str]:
    path = settings.checkpoints.absolute() / f".{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise _refused(Path(error.filename or path), error) from None


@contextmanager
def _locked(
    settings: Settings, name: str, mode: int, stop: threading.Event, said: str
) -> Iterator[None]:
    """Hold a lock among the processes with these checkpoints; raise Stopped if `stop` comes first."""
    with _opened(settings, name) as lock:
        waited = False
        while True:
            if stop.is_set():
                raise Stopped("stopped; what was committed stays")
            try:
                fcntl.flock(lock, mode | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    log.warning(said)
                waited = True
                stop.wait(POLL)
        yield


def _refused(directory: Path, error: OSError) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"checkpoints {directory} can not be written: {error.strerror}; "
        "make it writable or set CHECKPOINTS"
    )


def waiting(settings: Settings, store: Store) -> list[File]:
    """Return the landed and archived files without a record as they are now, in ingest order."""
    zone = settings.landing_zone
    found = sorted(local.listing(zone) + archive.listing(zone))
    recorded = store.recorded(found)
    left = [file for file in found if file.path not in recorded]
    moving = archive.on_the_way(left, zone, store)
    return [file for file in left if file.path not in moving]
