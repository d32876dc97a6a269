"""
What lies in the directory of a server beside its data: its port, its log, and two locks.

`lock` is held by a command that starts or stops the server; `server.lock` by the server while it lives.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streaming import locks
from streaming.errors import EnvironmentRefused, mending

LOG = "server.log"
PID = "server.pid"
PORT = "port"
ADVICE = "; set REDIS_DIR or REDIS_URL"
# The server asks the system for its directory with a buffer of 1024 bytes.
LONGEST_PATH = 1000


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """
    Hold the directory, which is made if it is not there, for one command at a time.

    Raises:
        EnvironmentRefused: it cannot be written, or no server can work in it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise _refused(directory, "written", error) from None
    with lock:
        if len(os.fsencode(directory.resolve())) > LONGEST_PATH:
            raise EnvironmentRefused(f"the path of {directory} is too long for a Redis server{ADVICE}")
        locks.wait(lock.fileno())
        yield


@contextmanager
def life(directory: Path) -> Iterator[int | None]:
    """
    Yield the lock of a server, to be inherited by one that is started; None if one lives that has it.

    The kernel takes it from a server that ended, by whatever.
    """
    try:
        lock = os.open(directory / "server.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _refused(directory / "server.lock", "written", error) from None
    try:
        yield lock if locks.try_lock(lock) else None
    finally:
        os.close(lock)


def lives(directory: Path) -> bool:
    """Return whether a server lives here, whatever it answers."""
    with life(directory) as lock:
        return lock is None


def port(directory: Path) -> int | None:
    """Return the port that is noted here, if it is one."""
    try:
        number = int((directory / PORT).read_text())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise _refused(directory / PORT, "read", error) from None
    return number if 0 < number < 2**16 else None


def pid(directory: Path) -> str:
    """Return the process id that the server noted here."""
    try:
        return str(int((directory / PID).read_text()))
    except (OSError, ValueError):
        return "unknown"


def write(path: Path, text: str) -> None:
    """Replace a small file as a whole, or raise EnvironmentRefused."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text + "\n")
        new.replace(path)
    except OSError as error:
        raise _refused(path, "written", error) from None


def log_size(directory: Path) -> int:
    """Return how many bytes the log has."""
    try:
        return (directory / LOG).stat().st_size
    except OSError:
        return 0


def last_warning(directory: Path, since: int) -> str:
    """Return the last line of the log, from this byte on, that says what is wrong."""
    try:
        with (directory / LOG).open("rb") as log:
            log.seek(since)
            text = log.read().decode(errors="replace")
    except OSError:
        text = ""
    # Lines with a # are warnings and worse; those in capitals are about how the machine is set up.
    lines: list[str] = re.findall(r"^\d+:\w .{24} # (?!WARNING)(.*\S)\s*$", text, re.MULTILINE)
    return lines[-1] if lines else "it ended without a word"


def _refused(path: Path, verb: str, error: OSError) -> EnvironmentRefused:
    advice = mending(error, ADVICE.removeprefix("; "))
    return EnvironmentRefused(f"{path} cannot be {verb}: {error.strerror}; {advice}")
