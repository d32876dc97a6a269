"""What every command shares: its settings, its logs, its JSON document, its help."""

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from streaming import logs, streams
from streaming.settings import Settings, load

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV on stdout, with a header.")]


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


def emit_csv(kind: type, rows: Iterable[Any]) -> None:
    """Print values of one dataclass as CSV, a column a field; what is not known is empty."""
    names = [field.name for field in fields(kind)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if (v := getattr(row, name)) is None else v for name in names] for row in rows)


def _plain(value: object) -> str:
    """Return money with its two decimals, and other decimals (shares) with all of theirs."""
    if isinstance(value, Decimal) and value == round(value, 2):
        return f"{value:.2f}"
    return str(value)
