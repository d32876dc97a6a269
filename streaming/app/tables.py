"""What people see of the results: tables on stdout."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from streaming.app import paging
from streaming.domain.features import Features
from streaming.domain.results import COUNTS, Audit, Check, Outcome, Rebuilt, Receita

SHOWN = 50


def new_console() -> Console:
    """Return what prints tables: as wide as the terminal, or wide enough for scripts."""
    # Where nobody looks, lines are as long as they need to be: scripts read them.
    width = None if sys.stdout.isatty() else 200
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _print(table: Table) -> None:
    new_console().print(table)


def new_table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """Return a table with these columns; those with numbers are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def run(
    outcomes: Sequence[Outcome],
    totals: Mapping[str, int],
    seconds: float,
    unfinished: Sequence[str] = (),
) -> None:
    """Show the accounting of a run, file by file, and what a run that was stopped left `unfinished`."""
    if not outcomes:
        what = "nothing ingested" if unfinished else "nothing new"
        print(f"{what} ({seconds} s)")  # noqa: T201  the result itself
        return
    table = new_table("file", *COUNTS, "state", "reason", numbers=COUNTS)
    for o in outcomes:
        table.add_row(o.file, *(f"{getattr(o, c):,}" for c in COUNTS), o.state, o.reason or "")
    if len(outcomes) > 1:
        table.add_row(f"{len(outcomes)} files", *(f"{totals[c]:,}" for c in COUNTS))
    _print(table)
    print(f"read = new + duplicates + rejected ({seconds} s)")  # noqa: T201


def stopped(signal: str, waiting: int) -> None:
    """Say, on stderr, what a run that was stopped left for the next one."""
    files_wait = "1 file waits" if waiting == 1 else f"{waiting:,} files wait"
    print(f"stopped by {signal}: {files_wait} for the next run", file=sys.stderr)  # noqa: T201


def features(features: Sequence[Features]) -> None:
    """Show features, one key a line; many at a terminal page by page."""
    numbers = ("capital_social_total", "quantidade_empresas", "capital_social_medio")
    table = new_table("key", *numbers, "atualizado_em", numbers=numbers)
    for f in features:
        table.add_row(
            f.key,
            f"{f.capital_social_total:.2f}",
            str(f.quantidade_empresas),
            f"{f.capital_social_medio:.2f}",
            f.atualizado_em,
        )
    console = new_console()
    with console.capture() as text:
        console.print(table)
    paging.show(text.get())


def rows(rows: Sequence[Any], *notes: str, percent: Sequence[str] = ()) -> None:
    """Show values of one dataclass, a column a field, and notes below; many at a terminal by page."""
    columns = [field.name for field in fields(rows[0])] if rows else []
    numbers = [name for name in columns if not isinstance(getattr(rows[0], name), str)]
    table = new_table(*columns, numbers=numbers)
    for row in rows:
        table.add_row(*(_cell(getattr(row, name), name in percent) for name in columns))
    console = new_console()
    with console.capture() as text:
        if rows:
            console.print(table)
        for note in notes:
            console.print(note, soft_wrap=True)
    paging.show(text.get())


def _cell(value: object, percent: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "x" if value else ""
    if percent and isinstance(value, int | float | Decimal):
        return f"{100 * value:.1f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)


def status(document: Mapping[str, Any]) -> None:
    """Show the document of a status, one entry a line."""
    table = new_table("what", "now")
    for key, value in document.items():
        if key == "unrecognised":
            for line in unrecognised(value):
                table.add_row(key, line)
                key = ""
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        elif isinstance(value, list):
            shown = ", ".join(value[:5]) + (" …" if len(value) > 5 else "")
            value = f"{len(value)}  {shown}"
        table.add_row(key, str(value))
    _print(table)


def unrecognised(places: Mapping[str, Any]) -> list[str]:
    """Return what to show of the places that are no municipality, line by line; none where none is."""
    if not places["places"]:
        return []
    lines = [f"{places['places']:,} places that are no municipality, {places['companies']:,} companies"]
    for place in places["first"]:
        meant = [f"{place['sugestao']}?"] if place["sugestao"] else []
        if place["existe_em"]:
            meant.append(f"exists in {', '.join(place['existe_em'])}")
        line = f"{place['lugar']} ({place['quantidade_empresas']:,})"
        lines.append(f"{line}: {'; '.join(meant)}" if meant else line)
    more = places["places"] - len(places["first"])
    return [*lines, f"and {more:,} more"] if more else lines


def audit(result: Audit, seconds: float) -> None:
    """Show the result of an audit: the first differences, and how many there are."""
    for note in result.notes[:SHOWN]:
        print(note)  # noqa: T201
    if result.differences:
        table = new_table(
            "key", "field", "in Redis", "from the files", numbers=("in Redis", "from the files")
        )
        for d in result.differences[:SHOWN]:
            table.add_row(d.key, d.field or "", d.redis or "", d.files or "")
        _print(table)
    verdict = f"{len(result.differences):,} differences" if result.differences else "no difference"
    print(  # noqa: T201
        f"{verdict}: {result.cities:,} cities, {result.companies:,} companies in {result.files:,} files"
        f" ({seconds} s)"
    )


def rebuild(rebuilt: Rebuilt, seconds: float) -> None:
    """Show what a rebuild came to."""
    for path in rebuilt.gone:
        print(f"no longer counted: {path}")  # noqa: T201
    print(  # noqa: T201
        f"{rebuilt.cities:,} cities from {rebuilt.files:,} files,"
        f" version {rebuilt.version} ({seconds} s)"
    )


def receita(result: Receita, seconds: float) -> None:
    """Show what came of files of Receita Federal: the files dropped, and counts by reason."""
    for file in result.arquivos:
        verb = "dropped" if file.copied else "is there already, same content"
        print(f"{file.path}: {verb}")  # noqa: T201
    if result.contagens:
        table = new_table("what", "lines", numbers=("lines",))
        for name, many in result.contagens.items():
            table.add_row(name, f"{many:,}")
        _print(table)
    for cnpj in result.nao_informados[:SHOWN]:
        print(f"{cnpj}: capital not informed, counts with 0.00")  # noqa: T201
    if len(result.nao_informados) > SHOWN:
        print(f"… and {len(result.nao_informados) - SHOWN:,} more: --json lists all")  # noqa: T201
    print(  # noqa: T201
        f"{result.escritos:,} establishments opened from {result.desde} to {result.ate}"
        f" ({result.token}, {seconds} s)"
    )


def checks(checks: Iterable[Check]) -> None:
    """Show checks, one a line."""
    table = new_table("check", "", "detail")
    for c in checks:
        table.add_row(c.name, "ok" if c.ok else "FAILED", c.detail)
    _print(table)


def quarantine(rows: Iterable[Mapping[str, str]], rejected: Iterable[Mapping[str, Any]]) -> None:
    """Show rejected files and rows, as they come: there may be many."""
    for entry in rejected:
        print(f"{entry['file']}: {entry['reason']} (the whole file)")  # noqa: T201
    for row in rows:
        raw = row["raw"].replace("\n", "\\n").replace("\r", "\\r")
        print(f"{row['file']}: {row['reason']}: {raw}")  # noqa: T201


def reply(value: Any) -> None:
    """Show a reply of Redis: one value a line, fields and values of a hash in turn."""
    if isinstance(value, Mapping):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set):
        for part in value:
            reply(part)
        return
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    print("(nil)" if text is None else text)  # noqa: T201
