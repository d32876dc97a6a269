"""The command line: results on stdout, logs on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import signal
import sys

if sys.argv[0].endswith(("city-features", "streaming/__main__.py")):
    # Ctrl-C while modules are loaded, which is most of a short command: no traceback from an import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import json
import time
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from streaming import logs, settings, streams
from streaming.app import tables
from streaming.app.progress import progress
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError, KeyRefused, Stopped
from streaming.jobs import run as job
from streaming.landing import dropping, quarantine
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store import local_server
from streaming.store.store import connect

app = typer.Typer(
    name="city-features",
    help="Exact features per city from CSV files of new companies: each company counts once.",
    epilog="Settings come from the environment or .env; README.md lists them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
redis_app = typer.Typer(no_args_is_help=True, help="The Redis in use: its URL, a command, stop.")
app.add_typer(redis_app, name="redis")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def emit(document: object) -> None:
    """Print one JSON document; money as text with two decimals."""
    escaped = not streams.takes_unicode(sys.stdout)
    text = json.dumps(document, ensure_ascii=escaped, indent=2, default=_plain)
    typer.echo(text)


def _plain(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def _configured() -> Settings:
    config = settings.load()
    logs.configure(config)
    return config


@app.command(epilog="Example: city-features drop novas.csv --as novas-2026-11-24.csv")
def drop(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option("--as", help="Its name there; one FILE only.")] = None,
    as_json: Json = False,
) -> None:
    """Copy files into the landing zone, each whole or not at all."""
    if name is not None and len(sources) > 1:
        raise typer.BadParameter("--as goes with one FILE", param_hint="--as")
    config = _configured()
    dropped = []
    for source in sources:
        path, copied = dropping.drop(source, config.landing_zone, name)
        dropped.append({"source": str(source), "path": path, "copied": copied})
        if not as_json:
            said = "dropped as" if copied else "is there already, same content, as"
            typer.echo(f"{source} {said} {config.landing_zone / path}")
    if as_json:
        emit({"dropped": dropped})


@app.command(
    epilog="Examples: city-features run · city-features run --json · city-features run --follow"
)
def run(
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and ingest what comes, until SIGTERM or Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ingest the new files of the landing zone into Redis."""
    config = _configured()
    started = time.monotonic()
    store = connect(config)
    outcomes: dict[str, Outcome] = {}
    failed: set[str] = set()
    totals = dict.fromkeys(("read", "new", "duplicates", "rejected"), 0)

    def report(batch: list[Outcome]) -> None:
        for outcome in batch:
            if not follow:
                outcomes[outcome.file] = outcome
            (failed.add if outcome.state == "failed" else failed.discard)(outcome.file)
            for key in totals:
                totals[key] += getattr(outcome, key)

    refused: KeyRefused | None = None
    ended_by = None
    try:
        with progress(config, "ingesting", report) as show:
            ended_by = job.run(config, store, show, follow=follow)
    except KeyRefused as error:
        if not outcomes:
            raise
        refused = error  # the other files were counted: what was done is shown first
    unfinished = [] if follow or ended_by is None else [file.path for file in waiting(config, store)]
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        done = [asdict(o) for o in outcomes.values()]
        document: dict[str, object] = {
            "files": done,
            **totals,
            "version": job.version(store, follow=follow),
        }
        if unfinished and ended_by is not None:
            document |= {"stopped": ended_by.name, "waiting": unfinished}
        emit(document | {"seconds": seconds})
    elif not follow:
        tables.run(list(outcomes.values()), totals, seconds, unfinished)
    if refused is not None:
        raise refused
    if unfinished and ended_by is not None:
        files_wait = "1 file waits" if len(unfinished) == 1 else f"{len(unfinished):,} files wait"
        typer.echo(f"stopped by {ended_by.name}: {files_wait} for the next run", err=True)
        raise typer.Exit(128 + ended_by)
    raise typer.Exit(1 if failed else 0)


@app.command(epilog='Examples: city-features show "São Paulo" · city-features show --top 10')
def show(
    cidade: Annotated[str | None, typer.Argument(help="One city, and it in each state.")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the largest by capital.")] = None,
    as_json: Json = False,
) -> None:
    """Show the features in Redis."""
    config = _configured()
    found = connect(config, retries=1).features(cidade)
    if cidade is not None and not found:
        raise CityFeaturesError(f"no features of {cidade!r}; city-features show lists all there are")
    if top is not None:
        places = [f for f in found if f.estado is not None or cidade is not None]
        found = sorted(places, key=lambda f: (-f.capital_social_total, f.key))[:top]
    if as_json:
        emit({"features": [asdict(f) for f in found]})
    else:
        tables.features(found)


@app.command(epilog="Example: city-features status --json")
def status(as_json: Json = False) -> None:
    """Tell what was ingested, what waits, what was rejected, and how fresh it is."""
    from streaming.jobs import status as job

    config = _configured()
    found = asdict(job.status(config, connect(config, retries=1)))
    emit(found) if as_json else tables.status(found)


@app.command(epilog="Example: city-features check && city-features run")
def check(as_json: Json = False) -> None:
    """Check what a run needs: Java, directories, Redis and its settings; exit 1 if anything lacks."""
    from streaming.jobs import checks

    config = _configured()
    found = checks.run(config, lambda: connect(config, retries=1))
    ok = all(c.ok for c in found)
    if as_json:
        emit({"ok": ok, "checks": [asdict(c) for c in found]})
    else:
        tables.checks(found)
    raise typer.Exit(0 if ok else 1)


@app.command("quarantine", epilog="Example: city-features quarantine novas.csv")
def quarantine_(
    file: Annotated[str | None, typer.Argument(help="Only of this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show rejected rows and files, each with its reason."""
    config = _configured()
    records = connect(config, retries=1).records()
    rejected = [
        {"file": path, "reason": record.reason}
        for path, record in sorted(records.items())
        if record.state == "rejected" and file in (None, path)
    ]
    rows = quarantine.rows(config.quarantine_dir, file)
    if as_json:
        emit({"rows": list(rows), "files": rejected})
    else:
        tables.quarantine(rows, rejected)


@app.command(epilog="Example: city-features audit --json")
def audit(as_json: Json = False) -> None:
    """Compute all features again from the files, and compare; exit 1 on any difference."""
    from streaming.jobs import audit as job  # it loads Spark

    config = _configured()
    started = time.monotonic()
    with progress(config, "reading every file again"):
        found = job.audit(config, connect(config))
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        emit({"ok": not found.differences, **asdict(found), "seconds": seconds})
    else:
        tables.audit(found, seconds)
    raise typer.Exit(1 if found.differences else 0)


@app.command(epilog="Example: rm landing_zone/bad.csv && city-features rebuild && city-features audit")
def rebuild(
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Also where none of the counted files is left.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make all features again from the files there are, and switch to them at once."""
    from streaming.jobs import rebuild as job  # it loads Spark

    config = _configured()
    started = time.monotonic()
    with progress(config, "rebuilding") as show:
        rebuilt = job.rebuild(config, connect(config), show, allow_empty=allow_empty)
    seconds = round(time.monotonic() - started, 3)
    emit({**asdict(rebuilt), "seconds": seconds}) if as_json else tables.rebuild(rebuilt, seconds)


@redis_app.command()
def url() -> None:
    """Print the URL in use, without a password; starts the server of its own if need be."""
    config = _configured()
    typer.echo(
        config.redis_place if config.redis_url is not None else local_server.url(config.redis_dir)
    )


@redis_app.command(
    epilog='Example: city-features redis cli hgetall "São Paulo"',
    context_settings={"ignore_unknown_options": True},
)
def cli(command: Annotated[list[str], typer.Argument(metavar="COMMAND...")]) -> None:
    """Run one Redis command, as redis-cli would, so that nobody needs redis-cli to look."""
    store = connect(_configured(), retries=1)
    with store.translated():
        tables.reply(store.client.execute_command(*command))


@redis_app.command()
def stop() -> None:
    """Stop the server of its own; its data stays and comes back with the next command."""
    config = _configured()
    stopped = local_server.stop(config.redis_dir)
    typer.echo(f"the server in {config.redis_dir} {'stopped' if stopped else 'did not run'}")


def main() -> None:
    """
    Run the command line.

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


if __name__ == "__main__":
    main()
