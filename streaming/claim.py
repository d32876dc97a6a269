"""What a run takes hold of before Spark starts: its checkpoint, and the files that wait."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from streaming import files
from streaming.errors import EnvironmentRefused
from streaming.files import File
from streaming.settings import Settings
from streaming.store import Store

POLL = 0.1

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.claim")


@contextmanager
def claimed(settings: Settings, name: str, stop: threading.Event) -> Iterator[Path]:
    """
    Yield the checkpoint of this name, held for this process alone.

    Spark allows one query a checkpoint; another run on the same one is waited for, until `stop` is
    set: then the checkpoint is not held, and nothing may be done with it.

    Raises:
        EnvironmentRefused: the directory can not be written.
    """
    directory = settings.checkpoints.absolute() / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (settings.checkpoints / f".{name}.lock").open("w")
    except OSError as error:
        raise EnvironmentRefused(
            f"checkpoints {directory} can not be written: {error.strerror}; "
            "make it writable or set CHECKPOINTS"
        ) from None
    with lock:
        said = False
        while not stop.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not said:
                    log.warning(
                        "another run has this checkpoint: waiting for it", checkpoint=str(directory)
                    )
                said = True
                stop.wait(POLL)
        yield directory


def waiting(settings: Settings, store: Store) -> list[File]:
    """Return the files of the landing zone that have no record as they are now, in ingest order."""
    landed = files.listing(settings.landing_zone)
    records = store.records([file.path for file in landed])
    return [f for f in landed if not (f.path in records and records[f.path].is_of(f))]
