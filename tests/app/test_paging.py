"""Long results at a terminal go through a pager; everywhere else they are printed as they are."""

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.harness import ROOT

SHOW = "from streaming.app import paging; import sys; paging.show('line\\n' * int(sys.argv[1]))"
MARKING = "sed s/^/paged:/"


def shown(
    lines: int, *, terminal: tuple[str, ...] = ("stdin", "stdout"), **environment: str
) -> list[str]:
    """Return what appears of so many lines, at a terminal of ten lines or with other streams."""
    ours, theirs = pty.openpty()
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW, str(lines)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LINES": "10", **environment},
        stdin=theirs if "stdin" in terminal else subprocess.DEVNULL,
        stdout=theirs if "stdout" in terminal else writer,
        start_new_session=True,
    )
    os.close(theirs)
    os.close(writer)
    chunks = []
    with suppress(OSError):  # a terminal that nobody has open any more
        while chunk := os.read(ours if "stdout" in terminal else reader, 4096):
            chunks.append(chunk)
    os.close(ours)
    os.close(reader)
    assert process.wait(30) == 0
    return b"".join(chunks).decode().split()


def test_what_does_not_fit_the_terminal_goes_through_the_pager() -> None:
    assert shown(30, PAGER=MARKING) == ["paged:line"] * 30


@pytest.mark.parametrize("terminal", [(), ("stdin",), ("stdout",)])
def test_without_a_terminal_on_both_sides_there_is_no_pager(terminal: tuple[str, ...]) -> None:
    assert shown(30, terminal=terminal, PAGER=MARKING) == ["line"] * 30


def test_what_fits_the_terminal_needs_no_pager() -> None:
    assert shown(9, PAGER=MARKING) == ["line"] * 9


@pytest.mark.parametrize("pager", ["", "no-such-program --option"])
def test_without_a_pager_the_text_is_printed(pager: str) -> None:
    assert shown(30, PAGER=pager) == ["line"] * 30


def test_less_gets_the_options_that_git_gives_it_unless_there_are_others() -> None:
    asking = "sh -c 'echo $LESS'"

    assert shown(30, PAGER=asking) == ["FRX"]
    assert shown(30, PAGER=asking, LESS="S") == ["S"]


def test_a_pager_that_ends_early_is_no_error() -> None:
    assert shown(100_000, PAGER="head -n 1") == ["line"]
