"""
Reads open files of one dialect with one DuckDB query, and puts their rejected rows into the quarantine.

One query for many small files is much faster than one each; `worker` decides which files share one.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import pyarrow as pa

from streaming.domain import ledger
from streaming.landing import quarantine
from streaming.landing.names import is_packed
from streaming.landing.zone import Folder, Open
from streaming.reading import charset, dialect, engine, result_tables
from streaming.reading.companies import Reading
from streaming.reading.dialect import Dialect
from streaming.reading.messages import Report, Retraction, Rules, Source, TaskResources, shortened
from streaming.reading.summary import Summary


class Disagreement(Exception):
    """Two readings of one file did not see the same rows."""


@dataclass(frozen=True)
class OpenFile:
    """A file that is open; closing it raises Changed if the file changed meanwhile."""

    source: Source
    path: str
    dialect: Dialect
    closing: ExitStack


@dataclass(frozen=True)
class FileResult:
    """A file's row count and its result tables."""

    rows: int
    tables: list[pa.Table]


def open_file(source: Source, opened: Open) -> OpenFile:
    """
    Open a file and find its dialect.

    Raises:
        Changed: it is gone, or is another one.
        FileRejected: it cannot be read as CSV; the message says why.
        OSError: it may not be read.
    """
    with ExitStack() as stack:
        descriptor = stack.enter_context(opened(source.file))
        gzipped = is_packed(source.file.path)
        path, file_dialect = stack.enter_context(dialect.plain(descriptor, gzipped=gzipped))
        return OpenFile(source, path, file_dialect, stack.pop_all())


def alike(files: Iterable[OpenFile]) -> list[list[OpenFile]]:
    """Return files in groups of one dialect, for one query each."""
    groups: dict[tuple[object, ...], list[OpenFile]] = {}
    for file in files:
        # Threads that read pieces may lose rows; only the count of a lone file shows it.
        alone = file.path if file.dialect.in_pieces else None
        groups.setdefault((file.dialect.header, file.dialect.separator, alone), []).append(file)
    return list(groups.values())


def read(
    files: list[OpenFile], rules: Rules, folder: Folder, resources: TaskResources
) -> list[FileResult]:
    """
    Return the result of each of these files, which all have the dialect of the first one.

    Rejected rows go to the quarantine, in place of what it held of these files before. Sources with a
    `retraction` leave the quarantine as it is: only what to subtract is read.

    Raises:
        FileRejected: one of the files is not CSV; of several, nobody knows which.
        Disagreement: two readings of one file did not see the same rows.
        EnvironmentRefused: the quarantine cannot be written; no file is at fault.
    """
    paths = [file.path for file in files]
    with closing(Reading(engine.connection(resources), paths, files[0].dialect, rules)) as reading:
        # A Spark job asks for the retractions of all of its files, or of none.
        if files[0].source.retraction is not None:
            return _retractions(reading, files)
        return _summaries(reading, files, folder)


def _summaries(reading: Reading, files: list[OpenFile], folder: Folder) -> list[FileResult]:
    summaries = reading.summaries()
    _quarantine(reading, files, summaries, folder)
    return [
        FileResult(
            summary.read,
            [
                result_tables.of_companies(file.source, summary),
                result_tables.of_report(file.source, _report(file, summary)),
                result_tables.numbered(file.source, summary.cells),
            ],
        )
        for file, summary in zip(files, summaries, strict=True)
    ]


def _report(file: OpenFile, summary: Summary) -> Report:
    return Report(
        "read",
        summary.read,
        summary.rejected,
        summary.wrong_digits,
        summary.unrecognised,
        shortened(file.dialect.extra),
        mangled=summary.mangled,
        mangled_example=summary.mangled_example,
    )


def _quarantine(
    reading: Reading, files: list[OpenFile], summaries: list[Summary], folder: Folder
) -> None:
    """Replace what the quarantine holds of these files by their rejected rows, or by nothing."""
    rejected = reading.rejected() if any(s.rejected for s in summaries) else iter(())
    by_file = groupby(sorted(rejected) if len(files) > 1 else rejected, itemgetter(0))
    clean = set(range(len(files)))
    for number, rows in by_file:
        clean.remove(number)
        encoding = files[number].dialect.encoding
        lines = ((reason, charset.escaped(raw, encoding)) for _, reason, raw in rows)
        counted = _counted(lines, summaries[number].rejected)
        quarantine.write(folder, files[number].source.file.path, counted, encoding)
    for number in clean:
        counted = _counted((), summaries[number].rejected)
        quarantine.write(folder, files[number].source.file.path, counted)
    if len(clean) < len(files):
        # Nothing reads a counted file again: a power loss after the commit would take the rows for good.
        folder.flush()


def _counted(rows: Iterable[tuple[str, str]], rejected: int) -> Iterator[tuple[str, str]]:
    """Yield rejected rows; raise Disagreement if there are not as many as the summary counted."""
    count = 0
    for row in rows:
        count += 1
        yield row
    if count != rejected:
        raise Disagreement(
            f"{rejected} rejected rows were counted, then {count} were read; nothing of the file was "
            "counted. This is an error of the service: report it, with the file"
        )


def _retractions(reading: Reading, files: list[OpenFile]) -> list[FileResult]:
    retractions = [file.source.retraction or Retraction({}, {}) for file in files]
    counted = [ledger.unpack(retraction.counted) for retraction in retractions]
    repeated = [ledger.unpack(retraction.repeated) for retraction in retractions]
    counts = reading.row_counts() if len(files) > 1 else [0]  # a lone file is not compared
    read = Report("read")
    return [
        FileResult(
            rows,
            [
                result_tables.numbered(file.source, cells),
                result_tables.of_report(file.source, read),
            ],
        )
        for rows, file, cells in zip(counts, files, reading.retraction(counted, repeated), strict=True)
    ]
