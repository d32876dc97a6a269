"""The service and others, timed in turn on the same machine: `make bench`."""

import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import batches, cores, follow, growth, races, reads, report, results
from benchmarks.arena import Arena
from benchmarks.bench import Bench
from benchmarks.origin import origin
from benchmarks.results import Result
from benchmarks.sizes import FULL, SMOKE, Sizes

EXAMPLES = """Examples: python -m benchmarks --only one-file --rounds 3 ·
python -m benchmarks --polars /elsewhere/bin/python --directory /big/disk"""
HERE = Path(__file__).parent

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Python = Annotated[
    Path | None, typer.Option(metavar="PYTHON", help="A Python that has it; unset: not raced.")
]
Workload = Callable[[Bench], list[Result]]


def workloads(
    sizes: Sizes, polars: Path | None = None, feast: Path | None = None, pathway: Path | None = None
) -> dict[str, Workload]:
    """Return what is measured, by name."""
    guests = [races.polars(polars)] if polars else []
    guests += [races.feast(feast)] if feast else []
    followers = [follow.pathway(pathway)] if pathway else []
    return {race.name: partial(race.run, guests=guests) for race in races.races(sizes)} | {
        "follow": partial(follow.run, guests=followers),
        "commit": growth.commits,
        "reads": reads.run,
        "batches": batches.run,
        "ledger": growth.ledger,
        "cores": cores.run,
        "growth-rows": growth.by_rows,
        "growth-files": growth.by_files,
        "growth-companies": growth.by_companies,
    }


NAMES = list(workloads(FULL))


@app.command(epilog=f"{EXAMPLES}\n\nWorkloads: {', '.join(NAMES)}.")
def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this workload; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count; one more warms up.")] = 5,
    directory: Annotated[
        Path | None, typer.Option(help="Where files and server live; kept. Unset: a temporary one.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where results, page and picture go. Unset: benchmarks/.")
    ] = None,
    smoke: Annotated[
        bool,
        typer.Option(
            help="Little of everything, once, peers in one JVM: shows that measuring works, and no "
            "times. Unless --output is given the page goes to stdout, and nothing is kept."
        ),
    ] = False,
    polars: Python = None,
    feast: Python = None,
    pathway: Python = None,
) -> None:
    """Measure, and write benchmarks/RESULTS.md; what was not measured now stays as it was."""
    if unknown := sorted(set(only or ()) - set(NAMES)):
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(NAMES)}")
    pythons = {"polars": polars, "feast": feast, "pathway": pathway}
    sizes, rounds = (SMOKE, 1) if smoke else (FULL, rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        place = (directory or Path(temporary)).absolute()
        kept = output or (Path(temporary) if smoke else HERE)
        kept.mkdir(parents=True, exist_ok=True)
        arena = Arena(place / "arena")
        bench = Bench(arena, place / "files", rounds, sizes, _say, warm=not smoke)
        measurements = results.load(kept)
        try:
            its = origin(arena, _command(only or [], rounds, smoke, pythons))
            with arena.one_jvm() if smoke else nullcontext():
                for name, measure in workloads(sizes, **pythons).items():
                    if not only or name in only:
                        measurements |= {r.name: replace(r, origin=its) for r in measure(bench)}
                        results.save(measurements, kept)
                        report.write(results.load(kept), kept)
        finally:
            arena.close()
        if smoke and output is None:
            typer.echo((kept / report.FILE).read_text("utf-8"))


_BEGAN = time.monotonic()


def _say(step: str) -> None:
    """Tell how far it is: lines for whoever waits, at once."""
    typer.echo(f"{time.monotonic() - _BEGAN:7.1f} s  {step}", err=True)


def _command(only: list[str], rounds: int, smoke: bool, pythons: dict[str, Path | None]) -> str:
    """Return the command that measures the same; where the Pythons are is nobody's business."""
    if smoke:
        return "make bench-smoke"
    words = [f"--only {name}" for name in only] + [f"--rounds {rounds}"]
    words += [f"--{name} PYTHON" for name, path in pythons.items() if path]
    return f'make bench ARGS="{" ".join(words)}"'


if __name__ == "__main__":
    app()
