"""
Standard input, output and error as they may be: closed, full, read by nobody, of any encoding.

Results that cannot be written are an error, raised once. Logs that cannot be written are lost: work
does not stop because nobody reads how it goes.
"""

import codecs
import io
import os
import select
import sys
from typing import Any, TextIO

from streaming.errors import EnvironmentRefused


class ReaderGone(Exception):
    """Nobody reads the results any more, as after `city-features show | head -1`."""


class _Results(io.FileIO):
    """Where results go; after a write that failed it takes the rest, and gives it nowhere."""

    _lost = False

    def write(self, data: Any, /) -> int:
        try:
            while not self._lost:
                written: int | None = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody set it not to block
        except OSError as error:
            self._lost = True
            if isinstance(error, BrokenPipeError):
                raise ReaderGone from None
            raise EnvironmentRefused(
                f"the results cannot be written to stdout: {error.strerror}; what was done stays done"
            ) from None
        return len(data)


class _Logs(io.FileIO):
    """Where logs and errors go, as far as that works."""

    def write(self, data: Any, /) -> int:
        try:
            written: int | None = super().write(data)
        except OSError:  # there is nowhere to tell it
            written = None
        return len(data) if written is None else written


def prepare() -> None:
    """
    Make the three streams fit to use, before anything else opens a file.

    A descriptor from 0 to 2 that is closed becomes /dev/null: otherwise the next socket or pipe gets its
    number, and what is printed goes there. What an encoding lacks is written as `\\xe3`, never an error.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _text(_Results(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Logs(2, "w", closefd=False), sys.stderr)


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    """Return a text stream on this file, encoded and buffered as the one before."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=isinstance(raw, _Logs) or raw.isatty(),
        write_through=isinstance(before, io.TextIOWrapper) and before.write_through,
    )


def takes_unicode(stream: TextIO) -> bool:
    """Return whether a stream takes every character as it is; where not, JSON needs escapes."""
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"
