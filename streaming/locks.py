"""
Every lock between processes, all of them flock: the kernel releases one when its holder ends, however.

| lock | file | held |
|---|---|---|
| a checkpoint | `checkpoints/.run.lock`, `.follow.lock` | by the run on it (`checkpoint`) |
| the rebuild | `checkpoints/.rebuild.lock` | `shared` by batches, `exclusive` by a rebuild |
| the archive | `landing_zone/_archive/.lock` | while files are moved (`pipeline/archive`) |
| the embedded server | `.redis/lock` | while it is started or stopped (`store/server_directory`) |
| its life | `.redis/server.lock` | by the server itself, as long as it lives |
| a temporary directory | the directory | by the process that made it (`scratch`) |
"""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

import structlog

from streaming.errors import EnvironmentRefused, Stopped, mending
from streaming.settings import Settings

POLL = 0.05
REBUILD = "rebuild"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.locks")


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or directory if no other process holds it; return whether it is ours now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait(
    descriptor: int,
    *,
    shared: bool = False,
    stop: threading.Event | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """
    Lock an open file, once no other process holds it; `on_wait` is called first if one does.

    Raises:
        Stopped: `stop` was set before; the file is not locked.
    """
    stop = stop or threading.Event()
    waited = False
    while True:
        if stop.is_set():
            raise Stopped("stopped; what was committed stays")
        if try_lock(descriptor, shared=shared):
            return
        if not waited:
            on_wait()
        waited = True
        stop.wait(POLL)


@contextmanager
def checkpoint(settings: Settings, name: str, stop: threading.Event) -> Iterator[Path]:
    """
    Yield the checkpoint of this name, held for this process alone.

    Spark allows one query a checkpoint; another run on the same one is waited for.

    Raises:
        EnvironmentRefused: the directory cannot be written.
        Stopped: `stop` was set before the checkpoint was free.
    """
    directory = settings.checkpoints.absolute() / name
    message = f"another run has this checkpoint: waiting for it ({directory})"
    with _held(settings, name, stop, message):
        try:
            directory.mkdir(exist_ok=True)
        except OSError as error:
            raise _refused(directory, error) from None
        yield directory


def shared(settings: Settings, stop: threading.Event) -> AbstractContextManager[None]:
    """Hold off a rebuild while a batch is ingested, after the one that may be under way."""
    return _held(settings, REBUILD, stop, "a rebuild is under way: waiting for it", shared=True)


def exclusive(settings: Settings, stop: threading.Event) -> AbstractContextManager[None]:
    """Hold off every batch, after those in hand, and every other rebuild."""
    return _held(settings, REBUILD, stop, "a batch or another rebuild is in hand: waiting for it")


@contextmanager
def no_rebuild(settings: Settings) -> Iterator[bool]:
    """Yield whether neither a batch nor a rebuild is in hand; none begins before the block ends."""
    with _opened(settings, REBUILD) as lock:
        yield try_lock(lock.fileno())


def is_held(settings: Settings, name: str) -> bool:
    """
    Return whether a process holds the checkpoint of this name; nothing is made or kept locked.

    A lock that cannot be looked at counts as free: then a run would be needed, and says what is wrong.
    """
    try:
        with (settings.checkpoints / f".{name}.lock").open() as lock:
            return not try_lock(lock.fileno(), shared=True)
    except OSError:
        return False


@contextmanager
def _held(
    settings: Settings, name: str, stop: threading.Event, message: str, *, shared: bool = False
) -> Iterator[None]:
    """Hold a lock among the processes with these checkpoints."""
    with _opened(settings, name) as lock:
        wait(lock.fileno(), shared=shared, stop=stop, on_wait=lambda: log.warning(message))
        yield


def _opened(settings: Settings, name: str) -> IO[str]:
    path = settings.checkpoints.absolute() / f".{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise _refused(Path(error.filename or path), error) from None


def _refused(directory: Path, error: OSError) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"checkpoints {directory} cannot be written: {error.strerror}; "
        f"{mending(error, 'make it writable')} or set CHECKPOINTS"
    )
