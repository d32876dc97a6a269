"""How far a job is, for a person at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from streaming.domain.results import Outcome
from streaming.settings import Settings


@contextmanager
def progress(
    settings: Settings, doing: str, report: Callable[[list[Outcome]], None] | None = None
) -> Iterator[Callable[[list[Outcome]], None]]:
    """Yield what takes the outcomes of each batch: it hands them to `report` and shows their number."""
    console = Console(stderr=True)
    shown = console.is_terminal and settings.log_format == "console"
    files = rows = 0

    def show(outcomes: list[Outcome]) -> None:
        nonlocal files, rows
        if report is not None:
            report(outcomes)
        files, rows = files + len(outcomes), rows + sum(o.read for o in outcomes)
        if shown:
            status.update(f"{doing}: {files:,} files, {rows:,} rows")

    if shown:
        with console.status(doing) as status:
            yield show
    else:
        yield show


@contextmanager
def steps(settings: Settings, doing: str) -> Iterator[Callable[[str], None]]:
    """Yield what takes a line on how far the job is, and shows the last one."""
    console = Console(stderr=True)
    if not console.is_terminal or settings.log_format != "console":
        yield lambda _: None
        return
    with console.status(doing) as status:
        yield status.update
