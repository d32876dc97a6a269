"""The program without a process of its own: for what a command says and does, not how it starts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from pyspark.sql import SparkSession

from streaming.app.cli import main
from streaming.jobs.lifetime import LazySpark
from streaming.spark import session


class Inside:
    """
    Runs commands to their end in this process: their streams and exit codes are those of a process.

    Loading all modules takes a process more than a second of CPU, and starting Spark ten. Not for what
    is sent signals, has no streams, or is about the start itself.
    """

    spark: SparkSession | None = None
    """The Spark of all tests, for commands that need one; it goes on afterwards."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._directory = directory
        self._environment = environment

    def __call__(
        self, *arguments: str, code: int = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, and assert its exit code."""
        command = ["city-features", *arguments]
        with ExitStack() as around:
            around.enter_context(chdir(self._directory))
            around.enter_context(
                patch.dict(os.environ, {**self._environment, **environment}, clear=True)
            )
            around.enter_context(patch.object(sys, "argv", command))
            around.enter_context(_handlers_kept())
            around.enter_context(patch.object(LazySpark, "_start", lambda _: self._shared()))
            around.enter_context(patch.object(session, "stop"))
            out, err = (around.enter_context(_redirected(number, name)) for number, name in STREAMS)
            try:
                main()
                exit_code: Any = 0
            except SystemExit as end:
                exit_code = end.code or 0
            finally:
                structlog.reset_defaults()
            done = subprocess.CompletedProcess(command, exit_code, out(), err())
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def _shared(self) -> SparkSession:
        assert self.spark is not None, "this command starts Spark: set inside.spark, or run a process"
        return self.spark

    def json(self, *arguments: str, code: int = 0, **environment: str) -> Any:
        """Run a command with --json and return the one document on stdout."""
        return json.loads(self(*arguments, "--json", code=code, **environment).stdout)


STREAMS = ((1, "stdout"), (2, "stderr"))


@contextmanager
def _redirected(number: int, name: str) -> Iterator[Any]:
    """Send what is written to a descriptor to a file; yield what returns the text so far."""
    before, kept = getattr(sys, name), os.dup(number)
    before.flush()
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), number)
        try:
            with patch.object(sys, name, open(number, "w", encoding="utf-8", closefd=False)):

                def text() -> str:
                    getattr(sys, name).flush()
                    file.seek(0)
                    return file.read().decode()

                yield text
        finally:
            os.dup2(kept, number)
            os.close(kept)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Put the handlers of signals back, which the program sets as a process needs them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
