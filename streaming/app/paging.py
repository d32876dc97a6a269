"""Long results at a terminal, a page at a time, as git shows them."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PAGER = "less"
LESS = "FRX"  # end where it fits, keep colours, leave the text on the screen


def show(text: str) -> None:
    """
    Print text; at a terminal that it does not fit, through $PAGER or less.

    Where stdin or stdout is no terminal, or no pager is installed, it is printed as it is.
    """
    pager = shlex.split(os.environ.get("PAGER", PAGER))
    if not pager or shutil.which(pager[0]) is None or not _is_long(text):
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    with _sigint_for_pager():
        subprocess.run(
            pager,
            input=text,
            text=True,
            env={"LESS": LESS, **os.environ},
            errors="backslashreplace",
            check=False,
        )


def _is_long(text: str) -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return text.count("\n") >= shutil.get_terminal_size().lines


@contextmanager
def _sigint_for_pager() -> Iterator[None]:
    """Leave Ctrl-C to the pager: a search in it is what is to be ended, not the program."""
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
