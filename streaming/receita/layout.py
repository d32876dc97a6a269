"""
The two layouts, and one line of them read with care: strictly, else split at the quotes and semicolons.

Columns are those of "Novo Layout dos Dados Abertos do CNPJ" (Receita Federal): semicolons, every field
in quotes, a quote inside doubled, no escape character, one record a line. Published lines break each of
these, and no CSV reader takes all of them as they were meant.
"""

import csv
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """
    How a line of one kind of file looks.

    Attributes:
        kind: the name's ending, `ESTABELE` or `EMPRECSV`.
        columns: how many.
        beginning: what a record's line begins with; a line that does not may go on with the one before.
        counted: how the kind is named in counts.
        separators: those around the columns of interest; number 0 is between the first two columns.
    """

    kind: str
    columns: int
    beginning: re.Pattern[bytes]
    counted: str
    separators: tuple[int, ...]


# All quoted or all bare: the middle of a name or an address looks like neither.
ESTABELE = Layout(
    "ESTABELE",
    30,
    re.compile(rb'"[0-9A-Za-z]{8}";"[0-9A-Za-z]{4}";|[0-9A-Za-z]{8};[0-9A-Za-z]{4};'),
    "estabelecimento",
    (0, 1, 2, 3, 4, 5, 9, 10, 18, 19, 20),
)
EMPRECSV = Layout(
    "EMPRECSV",
    7,
    re.compile(rb'"[0-9A-Za-z]{8}";"|[0-9A-Za-z]{8};'),
    "empresa",
    (0, 1, 2, 3, 4),
)
LAYOUTS = {layout.kind: layout for layout in (ESTABELE, EMPRECSV)}


def fields(line: bytes, layout: Layout) -> list[str] | None:
    """
    Return the fields of a line without its end, or None if it has not as many as the layout.

    The line is read strictly: quotes doubled inside quotes, a backslash is a backslash. If that does not
    give the number of columns, it is split at `";"`, so that stray quotes stay inside their field.
    """
    text = line.decode("latin-1")
    for parts in (_strict(text), _split(text)):
        if parts is not None and len(parts) == layout.columns:
            return parts
    return None


def _strict(text: str) -> list[str] | None:
    try:
        rows = list(csv.reader([text], delimiter=";", strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _split(text: str) -> list[str] | None:
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return None
    return [part.replace('""', '"') for part in text[1:-1].split('";"')]
