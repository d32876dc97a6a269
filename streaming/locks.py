"""
The locks between the processes of one machine: flock, which the kernel releases when its holder ends.

Between machines there are leases in Redis (`store/lease`).

| lock | file | held |
|---|---|---|
| a checkpoint | `checkpoints/.run.lock`, `.follow.lock` | by the run on it (`checkpoint`) |
| the archive | `landing_zone/_archive/.lock` | while files are moved (`pipeline/archive`) |
| the embedded server | `.redis/lock` | while it is started or stopped (`store/server_directory`) |
| its life | `.redis/server.lock` | by the server itself, as long as it lives |
| a temporary directory | the directory | by the process that made it (`scratch`) |
"""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

from streaming.errors import EnvironmentRefused, Stopped, mending
from streaming.settings import Settings

POLL = 0.05

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


@contextmanager
def _held(settings: Settings, name: str, stop: threading.Event, message: str) -> Iterator[None]:
    """Hold a lock among the processes with these checkpoints."""
    with _opened(settings, name) as lock:
        wait(lock.fileno(), stop=stop, on_wait=lambda: log.warning(message))
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
