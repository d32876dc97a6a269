"""
Faults, again and again, and after each what plain Python counts: `make chaos`.

Everything is driven from outside: processes and servers are killed, replies are lost on a wire, files
and directories are changed. The service has no switch for any of it.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streaming import logs
from streaming.settings import load
from tests.chaos import table
from tests.chaos.cases import CASES
from tests.chaos.world import Case, World
from tests.harness import ROOT
from tests.object_store import ENVIRONMENT

DOCUMENT = ROOT / "docs" / "reliability.md"
QUIET = 15
EXAMPLES = """Examples: python -m tests.chaos --quick · python -m tests.chaos --only kills ·
python -m tests.chaos --only replies --only state --seed 7"""

out = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(epilog=f"{EXAMPLES}\n\nCases: {', '.join(case.name for case in CASES)}.")
def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this case; may be repeated.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few times each, and no table: some minutes.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What all random data and moments come from.")] = 20261124,
) -> None:
    """
    Try every fault, and compare what Redis holds with a plain count after each.

    Stops at the first difference, keeps its directory, and exits with 1. At the end writes what it came
    to into docs/reliability.md; with --only just the lines of those cases.
    """
    names = [case.name for case in CASES]
    if unknown := sorted(set(only or ()) - set(names)):
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, too
    os.environ |= ENVIRONMENT  # Spark's workers have that of the moment when Spark starts
    logs.configure(load(_env_file=None, log_level="error"))
    began = time.monotonic()
    lines: list[table.Line] = []
    server = ""
    for case in CASES:
        if not only or case.name in only:
            rows, server = _tried(case, case.quick if quick else case.full, seed, audited=not quick)
            lines += table.lines(case.name, rows, date.today().isoformat())
    if not quick:
        table.write(DOCUMENT, lines, names, seed, server)
        out.print(f"written: {DOCUMENT.relative_to(ROOT)}")
    out.print(f"no difference, {time.monotonic() - began:.0f} s")


def _tried(
    case: Case, count: int, seed: int, *, audited: bool
) -> tuple[dict[str, tuple[int, str]], str]:
    """Try one case in a directory of its own, which is kept if anything is not right."""
    directory = Path(tempfile.mkdtemp(prefix=f"chaos-{case.name}-"))
    began = time.monotonic()
    with _progress() as bar:
        world = World(directory, seed, _report(bar, case.name, began), audited=audited)
        try:
            rows = case.run(world, count)
        except BaseException as error:
            bar.stop()
            if isinstance(error, Exception):
                traceback.print_exc()
            again = f'make chaos ARGS="--only {case.name} --seed {seed}"'
            took = time.monotonic() - began
            out.print(
                f"FAILED {case.name} after {took:.0f} s; directory kept: {directory}\nagain: {again}",
                soft_wrap=True,
            )
            sys.exit(1)
        finally:
            server = table.server_of(world.url)
            world.end()
    shutil.rmtree(directory)
    out.print(f"{case.name}: {case.title}, {time.monotonic() - began:.0f} s")
    for what, (times, outcome) in rows.items():
        out.print(f"  {what} ({times}): {outcome}", soft_wrap=True)
    return rows, server


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def _report(bar: Progress, name: str, began: float) -> Callable[[int, int], None]:
    """Return what shows progress: a bar, or without a terminal a line now and then."""
    task = bar.add_task(name, total=None)
    last_report = began

    def report(done: int, of: int) -> None:
        nonlocal last_report
        bar.update(task, completed=done, total=of)
        now = time.monotonic()
        if bar.disable and now - last_report > QUIET:
            out.print(f"{name} {done}/{of} {now - began:.0f} s")
            last_report = now

    return report


if __name__ == "__main__":
    app()
