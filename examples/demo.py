"""
`make demo`: two years of made-up openings, ingested in a place of their own, and where growth is.

Everything is below one directory, which is made anew each time: landing zone, checkpoints, and a Redis
server. The settings of whoever calls it are left alone, and so are the data that they name.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from examples import openings
from streaming.errors import CityFeaturesError
from streaming.settings import Settings
from streaming.store import local_server

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / ".demo"
SHARE = 0.1
"""Of as many companies as are opened in Brazil: a million rows."""

COMMANDS = (
    ("run",),
    ("ranking", "--top", "10"),
    ("ranking", "--por-habitante", "--top", "10"),
    ("crescimento", "--top", "10"),
)
PROGRAM = "city-features"


def main() -> None:
    """Show it; exit with 1, and one line, where it fails."""
    try:
        show(DIRECTORY)
    except (CityFeaturesError, OSError) as error:
        sys.exit(f"demo: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"demo: {PROGRAM} {' '.join(error.cmd[3:])} failed with exit code {error.returncode}")


def show(directory: Path, *, share: float = SHARE) -> None:
    """
    Generate, ingest, and show rankings and growth; say what is done as it is done.

    Args:
        directory: what is in it is removed first, and its server is stopped, before and after.
        share: of as many openings as Brazil has.

    Raises:
        CityFeaturesError: the server does not start or stop.
        CalledProcessError: a command failed; it has said why.
    """
    began = time.monotonic()
    zone, server = _empty(directory)
    try:
        rows = _generate(zone, share)
        variables = environment(local_server.url(server))
        for command in COMMANDS:
            _run(command, directory, variables)
    finally:
        local_server.stop(server)
    _say(
        f"\n{rows:,} rows in {time.monotonic() - began:.0f} s. Go on with other commands there:\n"
        f"  cd {shlex.quote(os.path.relpath(directory))}\n"
        f'  ../.venv/bin/{PROGRAM} show --mensal "Sinop/MT"\n'
        f"  ../.venv/bin/{PROGRAM} redis stop\n"
        "See it in a browser, at http://127.0.0.1:8600 until Ctrl-C:\n"
        f"  (cd {shlex.quote(os.path.relpath(directory))} && ../.venv/bin/{PROGRAM} panel)"
    )


def _empty(directory: Path) -> tuple[Path, Path]:
    """Make an empty landing zone and the other directories; return it, and that of the server."""
    # The names are those that the settings default to, so commands in `directory` use what is there.
    server = directory / ".redis"
    if server.is_dir():
        local_server.stop(server)
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("landing_zone", "checkpoints"):
        (directory / name).mkdir(parents=True)
    return directory / "landing_zone", server


def _generate(zone: Path, share: float) -> int:
    _say(f"Writing a file a month: {share:.0%} of the openings in all municipalities of Brazil")
    total = 0
    for path, rows in openings.write(zone, share=share):
        total += rows
        _say(f"  {path.name} {rows:>10,} rows")
    return total


def environment(url: str) -> dict[str, str]:
    """Return the environment without its settings, and with those of the demonstration."""
    settings = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in settings}
    # A few files at once: so it can be seen how it goes on.
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "REDIS_URL": url,
        "MAX_FILES_PER_TRIGGER": "5",
        "PAGER": "cat",
    }


def _run(command: tuple[str, ...], directory: Path, environment: dict[str, str]) -> None:
    _say(f"\n$ {PROGRAM} {' '.join(command)}")
    subprocess.run(
        [sys.executable, "-m", "streaming", *command], cwd=directory, env=environment, check=True
    )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
