"""The commands that look at the service itself: `status` and `check`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from streaming.app import durations, tables
from streaming.app.common import Json, configured, emit, examples
from streaming.store.store import connect

app = typer.Typer()


@app.command(
    epilog=examples(
        "city-features status", "city-features status --json", "city-features status --fail-if-older 2h"
    )
)
def status(
    limit: Annotated[
        timedelta | None,
        typer.Option(
            "--fail-if-older",
            metavar="DURATION",
            parser=durations.parse,
            help="Exit 1 if the last commit is older, or a file waits longer: 90s, 30m, 2h, 1d.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what was ingested or rejected, what waits, and how fresh it is."""
    from streaming.jobs import status as job

    settings = configured()
    status = job.status(settings, connect(settings, retries=1))
    document = asdict(status)
    emit(document) if as_json else tables.status(document)
    if limit is not None and (stale := job.stale(status.freshness, limit)):
        typer.echo(f"error: {stale}", err=True)
        raise typer.Exit(1)


@app.command(epilog=examples("city-features check && city-features run"))
def check(as_json: Json = False) -> None:
    """
    Check what a run needs; exits 1 if anything is missing.

    Java and Spark, the temporary directory, open files, the directories, Redis and its settings.
    """
    from streaming.jobs import checks as job

    checks = job.run(configured())
    ok = all(c.ok for c in checks)
    if as_json:
        emit({"ok": ok, "checks": [asdict(c) for c in checks]})
    else:
        tables.checks(checks)
    raise typer.Exit(0 if ok else 1)
