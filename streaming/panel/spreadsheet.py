"""Tables as files that a spreadsheet in Brazil opens."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from streaming.panel.brazilian import visible

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def text(rows: Sequence[Any]) -> str:
    """Return values of one dataclass as CSV, a column a field: `;`, decimal comma, CRLF."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    if rows:
        names = [field.name for field in fields(rows[0])]
        writer.writerow(names)
        writer.writerows([cell(getattr(row, name)) for name in names] for row in rows)
    return written.getvalue()


def cell(value: object, decimals: int | None = None) -> str:
    """
    Return a value as a cell of a CSV file for a spreadsheet in Brazil: decimal comma, no thousands.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV
    Injection").
    """
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal):
        plain = str(value) if decimals is None else f"{value:.{decimals}f}"
        return plain.replace(".", ",")
    text = visible(str(value))
    return f"'{text}" if str(value).lstrip(" ").startswith(FORMULA) else text
