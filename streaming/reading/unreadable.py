"""
The rows that DuckDB could not split into columns, as the last query met them.

DuckDB keeps them in two tables. The functions that read these have the connection of that query, and the
paths of its files, whose numbers they return.
"""

from collections.abc import Iterator, Sequence

from streaming.reading import engine, escapes
from streaming.reading.engine import Connection

_REASONS = {
    "MISSING COLUMNS": "row: wrong number of columns",
    "TOO MANY COLUMNS": "row: wrong number of columns",
    "UNQUOTED VALUE": "row: unbalanced quotes",
    "LINE SIZE OVER MAXIMUM": "row: longer than 2,000,000 bytes",
    "INVALID ENCODING": "row: invalid UTF-8",
}


def forget(connection: Connection) -> None:
    """Empty the tables: DuckDB appends to them, so one query's rows would count in the next."""
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def counts(connection: Connection, paths: Sequence[str]) -> list[int]:
    """Return how many there are in each file."""
    numbers = [0] * len(paths)
    counted = connection.execute(
        f"SELECT {engine.file_number_sql(paths, 'file_path')}, count(DISTINCT line_byte_position)"
        " FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path"
    )
    for file, count in counted.fetchall():
        numbers[file] = count
    return numbers


def rows(connection: Connection, paths: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield each of them in order: the number of its file, its reason and its line."""
    lines = connection.execute(f"""
        SELECT {engine.file_number_sql(paths, "file_path")},
               arg_min(error_type, coalesce(column_idx, 0)), coalesce(any_value(csv_line), '')
        FROM reject_errors JOIN reject_scans USING (scan_id, file_id)
        GROUP BY file_path, line_byte_position ORDER BY file_path, line_byte_position""")
    while fetched := lines.fetchmany(10_000):
        for file, error, line in fetched:
            text = line.strip("\r\n").removesuffix(engine.END).rstrip("\r\n")
            yield file, _REASONS.get(error, f"row: {error.lower()}"), escapes.restored(text)
