"""The program as a process: its streams, its exit code, Ctrl-C."""

import signal
import sys
from collections.abc import Callable

import typer

from streaming import streams
from streaming.errors import CityFeaturesError, Stopped


def run(app: Callable[[], None]) -> None:
    """
    Run the command line to its end, and exit.

    Exit codes beside the commands' own: 130 after Ctrl-C, 141 when nobody reads the results any more (as
    programs that SIGPIPE ends), 1 when they cannot be written.
    """
    streams.prepare()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where a failure can be told
    except streams.ReaderGone:
        sys.exit(128 + signal.SIGPIPE)
    except CityFeaturesError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(128 + error.signal if isinstance(error, Stopped) else 1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends it at once
