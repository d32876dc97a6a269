"""The service and others, timed in turn on the same machine: `make bench`."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import follow, growth, report, results
from benchmarks.arena import Arena, peer
from benchmarks.races import RACES
from benchmarks.results import Result

EXAMPLES = """Examples: python -m benchmarks --only one-file --rounds 3 ·
python -m benchmarks --polars /elsewhere/bin/python --directory /big/disk"""

out = Console(stderr=True, highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Python = Annotated[
    Path | None, typer.Option(metavar="PYTHON", help="A Python that has it; unset: not raced.")
]
Workload = Callable[[Arena, Path, int], list[Result]]


def workloads(polars: Path | None, feast: Path | None, pathway: Path | None) -> dict[str, Workload]:
    """Return what is measured, by name."""
    say = out.print
    others = []
    if polars:
        others.append(peer("Polars", "polars_hset.py", str(polars), exact=False))
    if feast:
        others.append(peer("Feast", "feast_write.py", str(feast), legible=False))
    following = [peer("Pathway", "pathway_follow.py", str(pathway))] if pathway else []
    found: dict[str, Workload] = {}
    for race in RACES:
        extra = others if race.name in ("one-file", "bulk") else []
        found[race.name] = partial(race.run, others=extra, say=say)
    return found | {
        "follow": partial(follow.run, others=following, say=say),
        "commit": partial(growth.commits, say=say),
        "ledger": partial(growth.ledger, say=say),
        "growth-rows": partial(growth.by_rows, say=say),
        "growth-files": partial(growth.by_files, say=say),
        "growth-companies": partial(growth.by_companies, say=say),
    }


NAMES = list(workloads(None, None, None))


@app.command(epilog=f"{EXAMPLES}\n\nWorkloads: {', '.join(NAMES)}.")
def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this workload; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count; one more warms up.")] = 5,
    directory: Annotated[
        Path | None, typer.Option(help="Where files and server live; kept. Unset: a temporary one.")
    ] = None,
    polars: Python = None,
    feast: Python = None,
    pathway: Python = None,
) -> None:
    """Measure, and write benchmarks/RESULTS.md; what was not measured now stays as it was."""
    if unknown := sorted(set(only or ()) - set(NAMES)):
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(NAMES)}")
    found = results.load()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        place = (directory or Path(temporary)).absolute()
        arena = Arena(place / "arena")
        try:
            for name, measure in workloads(polars, feast, pathway).items():
                if not only or name in only:
                    found |= {r.name: r for r in measure(arena, place / "files", rounds)}
                    results.save(found)
                    report.write(found)
        finally:
            arena.close()


if __name__ == "__main__":
    app()
