"""The command `panel`."""

import importlib.util
from functools import partial
from typing import Annotated

import typer

from streaming.app.common import configured, examples
from streaming.errors import EnvironmentRefused
from streaming.store.store import connect
from streaming.version import version

app = typer.Typer()

PORT = 8600


@app.command(
    epilog=examples(
        "city-features panel",
        "city-features panel --port 9000",
        "make panel  # installs its libraries, too",
    )
)
def panel(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = PORT,
) -> None:
    """
    Show the features in a browser: map, ranking, growth, ingestion. It only reads.

    There is no password: whoever reaches the address sees everything.
    """
    settings = configured()
    if not all(map(importlib.util.find_spec, ("jinja2", "starlette", "uvicorn"))):
        raise EnvironmentRefused(
            "the panel's libraries are not installed: make panel installs them (requirements-panel.txt)"
        )
    from streaming.panel import server

    server.serve(settings, partial(connect, settings, retries=1), host, port, version())
