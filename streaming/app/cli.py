"""The command line: results on stdout, logs on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import signal
import sys

if sys.argv[0].endswith(("city-features", "streaming/__main__.py")):
    # Ctrl-C while modules are loaded, which is most of a short command: no traceback from an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from streaming.app import (
    completion,
    feature_commands,
    panel_commands,
    process,
    quality_commands,
    receita_commands,
    redis_commands,
    status_commands,
    tables,
    version,
)
from streaming.app.accounting import Accounting
from streaming.app.common import Commands, Json, configured, emit, examples
from streaming.app.progress import progress
from streaming.errors import KeyRefused
from streaming.jobs import drop as drop_job
from streaming.jobs import run as run_job
from streaming.landing import places, quarantine
from streaming.pipeline.backlog import waiting
from streaming.store.store import connect
from streaming.version import NAME

app = typer.Typer(
    name=NAME,
    cls=Commands,
    help="Exact features per city from CSV files of new companies: each company counts once.",
    epilog="Settings come from the environment or .env; docs/settings.md lists them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(redis_commands.app, name="redis")
app.add_typer(feature_commands.app)
app.add_typer(status_commands.app)
app.add_typer(quality_commands.app)
app.add_typer(receita_commands.app)
app.add_typer(panel_commands.app)


@app.callback()
def options(
    is_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=version.show, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


@app.command(
    epilog=examples(
        "city-features drop examples/novas_empresas.csv",
        "city-features drop novas.csv --as novas-2026-11-24.csv",
    )
)
def drop(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option("--as", help="Its name there; one FILE only.")] = None,
    as_json: Json = False,
) -> None:
    """Copy files into the landing zone, each whole or not at all."""
    if name is not None and len(sources) > 1:
        raise typer.BadParameter("--as goes with one FILE", param_hint="--as")
    settings = configured()
    results = []
    for source in sources:
        dropped = drop_job.drop(settings, source, name)
        results.append(asdict(dropped))
        if not as_json:
            verb = "dropped as" if dropped.copied else "is there already, same content, as"
            typer.echo(f"{source} {verb} {settings.landing_zone}/{dropped.path}")
    if as_json:
        emit({"dropped": results})


@app.command(
    epilog=examples(
        "city-features run",
        "city-features run --json",
        "LOG_FORMAT=json city-features run --follow --metrics-port 9464",
    )
)
def run(
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and ingest what comes, until SIGTERM or Ctrl-C.")
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="With --follow: serve /metrics, /healthz and /readyz there (0: any)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ingest the new files of the landing zone into Redis."""
    if metrics_port is not None and not follow:
        raise typer.BadParameter(
            "goes with --follow; a run that ends has METRICS_TEXTFILE", param_hint="--metrics-port"
        )
    settings = configured()
    started = time.monotonic()
    store = connect(settings)
    accounting = Accounting(follow=follow)
    refused: KeyRefused | None = None
    ended_by = None
    try:
        with progress(settings, "ingesting", accounting.add) as report:
            ended_by = run_job.run(settings, store, report, follow=follow, metrics_port=metrics_port)
    except KeyRefused as error:
        if not accounting.outcomes:
            raise
        refused = error  # the other files were counted: what was done is shown first
    unfinished = [] if follow or ended_by is None else [file.path for file in waiting(settings, store)]
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        document = accounting.document(run_job.version(store, follow=follow))
        if unfinished and ended_by is not None:
            document |= {"stopped": ended_by.name, "waiting": unfinished}
        emit(document | {"seconds": seconds})
    elif not follow:
        tables.run(accounting.outcomes, accounting.totals, seconds, unfinished)
    if refused is not None:
        raise refused
    if unfinished and ended_by is not None:
        tables.stopped(ended_by.name, len(unfinished))
        raise typer.Exit(128 + ended_by)
    raise typer.Exit(1 if accounting.is_failed else 0)


@app.command("quarantine", epilog=examples("city-features quarantine novas.csv"))
def quarantine_(
    file: Annotated[
        str | None, typer.Argument(help="Only of this file.", autocompletion=completion.files)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show rejected rows and files, each with its reason."""
    settings = configured()
    records = connect(settings, retries=1).records()
    rejected = [
        {"file": path, "reason": record.reason}
        for path, record in sorted(records.items())
        if record.state == "rejected" and file in (None, path)
    ]
    rows = quarantine.rows(places.quarantine(settings), file)
    if as_json:
        emit({"rows": list(rows), "files": rejected})
    else:
        tables.quarantine(rows, rejected)


@app.command(epilog=examples("city-features audit", "city-features audit --json"))
def audit(as_json: Json = False) -> None:
    """
    Recompute all features from the files and compare; exits 1 on any difference.

    Uses no ledger. Lists each differing key and field.
    """
    from streaming.jobs import audit as job  # it loads Spark

    settings = configured()
    started = time.monotonic()
    with progress(settings, "reading every file again"):
        result = job.audit(settings, connect(settings))
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        emit({"ok": not result.differences, **asdict(result), "seconds": seconds})
    else:
        tables.audit(result, seconds)
    raise typer.Exit(1 if result.differences else 0)


@app.command(epilog=examples("rm landing_zone/bad.csv && city-features rebuild && city-features audit"))
def rebuild(
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Even if none of the counted files exists any more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Build all features anew from the files that exist.

    They are built beside the live features, then switched in one step: readers never see a gap.
    """
    from streaming.jobs import rebuild as job  # it loads Spark

    settings = configured()
    started = time.monotonic()
    with progress(settings, "rebuilding") as report:
        rebuilt = job.rebuild(settings, connect(settings), report, allow_empty=allow_empty)
    seconds = round(time.monotonic() - started, 3)
    emit({**asdict(rebuilt), "seconds": seconds}) if as_json else tables.rebuild(rebuilt, seconds)


def main() -> None:
    """Run the command line."""
    process.run(app)


if __name__ == "__main__":
    main()
