"""The option `--version`."""

import typer

from streaming.version import NAME, version


def show(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"{NAME} {version()}")
        raise typer.Exit
