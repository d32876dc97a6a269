"""What every command shares: its settings, its logs, its JSON document, its help."""

import json
import sys
from decimal import Decimal
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from streaming import logs, streams
from streaming.settings import Settings, load

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


class Commands(TyperGroup):
    """A group whose list of commands folds long lines instead of cutting them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help."""
        rows = [
            (name, command.get_short_help_str(sys.maxsize)) for name, command in self.commands.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def examples(*lines: str) -> str:
    """Return the end of a command's help: examples, one a line."""
    title = "Example" if len(lines) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {line}" for line in lines)])


def configured() -> Settings:
    """Return the settings, and log as they say."""
    settings = load()
    logs.configure(settings)
    return settings


def emit(document: object) -> None:
    """Print one JSON document; money as text with two decimals."""
    escaped = not streams.takes_unicode(sys.stdout)
    text = json.dumps(document, ensure_ascii=escaped, indent=2, default=_plain)
    typer.echo(text)


def _plain(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
