"""The command `quality`, and what people see of it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain

import typer
from rich.table import Table

from streaming.app import paging, tables
from streaming.app.common import Json, configured, emit, examples
from streaming.app.progress import progress
from streaming.domain import growth
from streaming.domain.capitals import Outlier
from streaming.domain.quality import FileQuality, Months, Quality, Rows
from streaming.store.store import connect

app = typer.Typer()

SHOWN = 20

COLUMNS = {
    "read": ("read",),
    "new": ("new",),
    "within": ("duplicates_within_file",),
    "across": ("duplicates_across_files",),
    "rejected": ("rejected",),
    "unknown": ("unrecognised",),
    "digits": ("wrong_check_digits",),
    "text": ("suspicious_text",),
    "capital": ("capital_not_informed", "capital_outlier"),
}
"""The columns of the table of files, each the sum of some counts."""

LEGEND = (
    "new: companies counted; within, across: repeats inside a file, and of other files",
    "unknown: the city is no municipality; digits: wrong check digits; text: looks wrongly decoded",
    "capital: not informed, or an outlier; nothing of all this is removed from the features",
)


@app.command(epilog=examples("city-features quality", "city-features quality --json"))
def quality(as_json: Json = False) -> None:
    """
    Show how good the data is, by file; exits 1 only if rows or companies do not add up.

    Rejected rows by reason, cities that are no municipality, wrong check digits, repeats, missing
    months, text and capitals to look at. Reads every file again; nothing is changed.
    """
    from streaming.jobs import quality as job  # it loads DuckDB

    settings = configured()
    started = time.monotonic()
    with progress(settings, "reading every file again") as report:
        result = job.quality(settings, connect(settings), report)
    seconds = round(time.monotonic() - started, 3)
    emit({**asdict(result), "seconds": seconds}) if as_json else show(result, seconds)
    raise typer.Exit(0 if result.ok else 1)


def show(result: Quality, seconds: float) -> None:
    """Show it, in 100 columns: the files, what was found, and whether rows and companies add up."""
    console = tables.new_console()
    with console.capture() as text:
        if result.files:
            console.print(_files(result.files, result.rows))
        for line in chain(LEGEND if result.files else (), _of_files(result)):
            console.print(line, soft_wrap=True)
        if result.rows_rejected_by_reason:
            console.print(_reasons(result.rows_rejected_by_reason))
        for line in _of_all(result):
            console.print(line, soft_wrap=True)
        if result.capitals.outliers:
            console.print(_outliers(result.capitals.outliers))
        for line in (*_conservation(result), f"({seconds} s)"):
            console.print(line, soft_wrap=True)
    paging.show(text.get())


def _files(files: Sequence[FileQuality], total: Rows) -> Table:
    table = tables.new_table("file", *COLUMNS, numbers=tuple(COLUMNS))
    for file in files:
        table.add_row(file.file, *_counts(file.rows))
    if len(files) > 1:
        table.add_row(f"{len(files):,} files", *_counts(total))
    return table


def _counts(rows: Rows) -> Iterable[str]:
    for names in COLUMNS.values():
        numbers = [getattr(rows, name) for name in names]
        yield "?" if None in numbers else f"{sum(numbers):,}"


def _of_files(result: Quality) -> Iterable[str]:
    for file in result.files:
        if file.reason is not None:
            yield f"{file.file}: {file.reason} (the whole file)"
        if file.suspicious_text_example is not None:
            yield f"{file.file}: text such as {file.suspicious_text_example}"
    yield from result.notes


def _reasons(reasons: Mapping[str, int]) -> Table:
    table = tables.new_table("rejected because", "rows", numbers=("rows",))
    for reason, rows in reasons.items():
        table.add_row(reason, f"{rows:,}")
    return table


def _of_all(result: Quality) -> Iterable[str]:
    places = replace(result.unrecognised, first=result.unrecognised.first[:SHOWN])
    yield from tables.unrecognised(asdict(places))
    yield _months(result.months)
    if result.capitals.percentile_99_9_reais is not None:
        yield f"99.9 % of the capitals are at most {result.capitals.percentile_99_9_reais:,.2f} reais"


def _months(months: Months) -> str:
    if months.first is None:
        return "no months yet"
    missing = ", ".join(_ranges(months.missing)) or "none"
    return f"months from {months.first} to {months.last}, missing: {missing}"


def _ranges(months: Sequence[str]) -> list[str]:
    """Return months, in order, as ranges: `2025-03 to 2025-05`; of many the first ones."""
    ranges: list[list[str]] = []
    for month in months:
        if ranges and growth.shifted(ranges[-1][-1], 1) == month:
            ranges[-1].append(month)
        else:
            ranges.append([month])
    texts = [each[0] if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in ranges[:SHOWN]]
    return texts if len(ranges) <= SHOWN else [*texts, f"and {len(ranges) - SHOWN} more"]


def _outliers(outliers: Sequence[Outlier]) -> Table:
    table = tables.new_table("cnpj", "place", "capital", "why", "file", numbers=("capital",))
    for o in outliers[:SHOWN]:
        table.add_row(o.cnpj, o.lugar, f"{o.capital_social_reais:,.2f}", o.why, o.file)
    if len(outliers) > SHOWN:
        table.add_row(f"and {len(outliers) - SHOWN:,} more")
    return table


def _conservation(result: Quality) -> Iterable[str]:
    yield from (f"BROKEN: {sentence}" for sentence in result.conservation.broken)
    if result.ok:
        companies = result.conservation.companies_of_files
        yield f"read = new + within + across + rejected, and Redis has the {companies:,} companies"
