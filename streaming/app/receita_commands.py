"""The command `receita`: the files that Receita Federal publishes."""

import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from streaming.app import tables
from streaming.app.common import Json, configured, emit, examples
from streaming.app.progress import steps

app = typer.Typer()


@app.command(
    epilog=examples(
        "city-features receita downloads/ --desde 2026-07-01 --ate 2026-07-31",
        "city-features receita Empresas0.zip Estabelecimentos0.zip --desde 2026-01-01 --filiais",
    )
)
def receita(
    sources: Annotated[list[Path], typer.Argument(metavar="DIR|FILE...", exists=True)],
    desde: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="AAAA-MM-DD", help="The first date of opening."),
    ],
    ate: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="AAAA-MM-DD", help="The last one; else the day of the files."
        ),
    ] = None,
    filiais: Annotated[
        bool, typer.Option("--filiais", help="Branches too, with a capital of 0.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Read files of Receita Federal (EMPRECSV and ESTABELE), and drop the companies opened in a time.

    Zips are unpacked into a temporary directory. Run city-features run afterwards.
    """
    from streaming.jobs import receita as job  # it loads NumPy and PyArrow

    if ate is not None and desde > ate:
        raise typer.BadParameter("it is before --desde", param_hint="--ate")
    settings = configured()
    started = time.monotonic()
    asked = job.Asked(desde.date(), ate and ate.date(), filiais)
    with steps(settings, "reading") as report:
        result = job.receita(settings, sources, asked, report)
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        emit({**asdict(result), "segundos": seconds})
    else:
        tables.receita(result, seconds)
