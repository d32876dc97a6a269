"""The runbook's commands, taken from the page and run as they stand there, on a host of a test."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.app import process
from streaming.app.cli import app
from streaming.jobs.lifetime import LazySpark
from streaming.settings import load
from streaming.store import local_server
from tests.harness import HANG, ROOT, Content, Zone

PAGE = ROOT / "docs" / "runbook.md"
PROGRAM = ".venv/bin/city-features"
METRICS = "metrics.prom"
FENCE = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One line of a shell block, and the exit code that its comment promises (0 without one)."""

    line: str
    code: int

    @classmethod
    def of(cls, line: str) -> "Command":
        """Split a line of the page."""
        command, _, comment = line.partition("  #")
        promised = re.search(r"exits (\d+)", comment)
        return cls(command.strip(), int(promised[1]) if promised else 0)


@dataclass
class Section:
    """One situation of the page: its shell blocks, and the output that it quotes."""

    title: str
    text: str
    blocks: list[list[Command]]
    quotes: list[str]

    @classmethod
    def of(cls, title: str, text: str) -> "Section":
        """Read the blocks of a section."""
        fenced = [(kind, body.splitlines()) for kind, body in FENCE.findall(text)]
        blocks = [[Command.of(line) for line in body] for kind, body in fenced if kind == "sh"]
        quotes = [line for kind, body in fenced if kind == "text" for line in body]
        return cls(title, text, blocks, quotes)


def sections() -> dict[str, Section]:
    """Return the sections of the page by title, in order."""
    _, *parts = re.split(r"^## (.+)\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {title: Section.of(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


@dataclass
class Host:
    """
    A machine with the service, as its operator sees it: a directory, in which lines are typed.

    `seen` has all that was printed, and the metrics after each run.

    With a Spark session the program's commands run in this process, each as the process it would be
    (arguments, environment, streams, exit code), but for Spark: that is started once for all of them.
    Without one they are processes. Everything else of a line is run by a shell.
    """

    directory: Path
    spark: SparkSession | None
    environment: dict[str, str]
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("landing_zone", "checkpoints"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        program = self.directory / PROGRAM
        program.parent.mkdir(parents=True)
        python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
        program.write_text(f'#!/bin/sh\n{python} -m streaming "$@"\n')
        program.chmod(0o755)
        usual = {"SETTLE_SECONDS": "0.2", "SPARK_MASTER": "local[2]", "METRICS_TEXTFILE": METRICS}
        self.environment = usual | self.environment
        settings = load(_env_file=None, landing_zone=self.directory / "landing_zone")
        self._zone = Zone(settings, "redis://127.0.0.1:1")

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the program that is not in the page."""
        return self.type(Command(shlex.join([PROGRAM, *arguments]), code))

    def put(self, name: str, content: Content) -> str:
        """Write a file into the landing zone, whole; return its content."""
        return self._zone.put(name, content)

    def holds(self, *files: str, redis_dir: Path | None = None) -> None:
        """Assert that Redis holds what these files, in this order, add up to."""
        url = local_server.url(redis_dir or self.directory / ".redis")
        Zone(self._zone.settings, url).holds(*files)

    def type(self, command: Command) -> str:
        """Type a line, which has to end with its exit code; return what it printed."""
        words = shlex.split(command.line)
        settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        words = words[len(settings) :]
        with tempfile.TemporaryFile("w+") as stream:
            if words[0] == PROGRAM and self.spark is not None:
                code = self._in_process(words[1:], settings, stream.fileno())
            else:
                code = self._in_shell(command.line, stream.fileno())
            stream.seek(0)
            printed = stream.read()
        self.seen += printed.splitlines()
        if words[:2] == [PROGRAM, "run"]:
            self.seen += (self.directory / METRICS).read_text().splitlines()
        assert code == command.code, (command, code, printed)
        return printed

    def _in_shell(self, line: str, output: int) -> int:
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.directory,
            env={**kept, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=HANG,
            check=False,
        ).returncode

    def _in_process(self, arguments: list[str], settings: dict[str, str], output: int) -> int:
        spark = self.spark
        with pytest.MonkeyPatch.context() as patch, _process_kept(output):
            for name, value in {**self.environment, **settings}.items():
                patch.setenv(name, value)
            patch.chdir(self.directory)
            patch.setattr(sys, "argv", ["city-features", *arguments])
            patch.setattr(LazySpark, "_start", lambda _: spark)
            patch.setattr(LazySpark, "__exit__", lambda *_: None)
            with pytest.raises(SystemExit) as ended:
                process.run(app)
        return int(ended.value.code or 0)


@contextmanager
def _process_kept(output: int) -> Iterator[None]:
    """Write stdout and stderr to this file; afterwards put back what a process changes of itself."""
    kept = [os.dup(number) for number in (1, 2)]
    streams = sys.stdout, sys.stderr
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in (1, 2):
        os.dup2(output, number)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = streams
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


class Steps:
    """A section of the page, gone through block by block."""

    def __init__(self, title: str) -> None:
        self._section = sections()[title]
        self._blocks = iter(self._section.blocks)
        self._hosts: list[Host] = []

    def next(self, host: Host) -> str:
        """Type the lines of the next shell block; return what they printed."""
        self._hosts.append(host)
        return "".join([host.type(command) for command in next(self._blocks)])

    def skip(self) -> None:
        """Leave out the next block, which another test types."""
        next(self._blocks)

    def end(self) -> None:
        """Assert that no block was left out, and that each quoted line was printed; `…` is anything."""
        assert list(self._blocks) == []
        printed = "\n".join(line for host in self._hosts for line in host.seen)
        assert [quote for quote in self._section.quotes if not _pattern(quote).search(printed)] == []


def _pattern(quote: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part.strip()) for part in quote.split("…")))
