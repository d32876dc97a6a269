"""
Reads files inside a Spark task, on an executor.

A task gets a list of files and returns Arrow tables; `pipeline.spark_jobs` describes their columns. What
goes wrong with a file becomes its report, so that one file cannot fail the others of its task.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pyarrow as pa

from streaming.chunks import batches_by_size
from streaming.errors import EnvironmentRefused, FileChanged, FileRejected, RunFailed
from streaming.landing import opening, quarantine
from streaming.landing.names import is_packed
from streaming.landing.zone import Folder, Open
from streaming.reading import companies, engine, query, result_tables
from streaming.reading.dialect import PIECE_BYTES
from streaming.reading.messages import Report, Rules, Source, TaskResources, first_line
from streaming.reading.query import FileResult, OpenFile

# Planning a query takes as long as reading some thousand rows: small files share one. All of them are
# open meanwhile, each up to three times.
FILES_AT_ONCE = 128

RecordBatches = Iterator[pa.RecordBatch]
Tables = Iterator[pa.Table]


def summarise(
    sources: list[Source], rules: Rules, folder: Folder, resources: TaskResources
) -> RecordBatches:
    """
    Yield the summaries of these files of one zone, as `spark_jobs.summarise` describes them.

    Raises:
        EnvironmentRefused: the quarantine cannot be written; no file is at fault.
    """
    # Nobody knows how large the content of a gzip file is, so each is read alone.
    packed = [[source] for source in sources if is_packed(source.file.path)]
    plain = (source for source in sources if not is_packed(source.file.path))
    batches = [*packed, *batches_by_size(plain, FILES_AT_ONCE, PIECE_BYTES)]
    with sources[0].zone.ahead(source.file for batch in batches for source in batch) as opened:
        for batch in batches:
            tables = list(_summarise(batch, opened, rules, folder, resources))
            yield from result_tables.in_schema(tables).combine_chunks().to_batches()


def fitting_rows(
    sources: list[Source], rules: Sequence[Rules], resources: TaskResources
) -> RecordBatches:
    """
    Yield the rows that fit, of one file after another, as `spark_jobs.fitting_rows` describes them.

    Raises:
        FileChanged, FileRejected, RunFailed: a file was not read to its end; the message names it.
    """
    connection = engine.connection(resources)
    for source in sources:
        try:
            with (
                source.zone.opened(source.file) as descriptor,
                companies.reading(
                    connection, descriptor, rules[source.number], gzipped=is_packed(source.file.path)
                ) as reading,
            ):
                for batch in reading.fitting_rows():
                    file = pa.array([source.number] * len(batch), pa.int32())
                    names = ["file", *batch.schema.names]
                    yield pa.RecordBatch.from_arrays([file, *batch.columns], names=names)
        except opening.Changed:
            raise FileChanged([source.file.path]) from None
        except (FileRejected, OSError) as error:
            raise FileRejected(f"{source.file.path}: {error}") from None
        except Exception as error:
            engine.renew(resources)
            raise RunFailed(f"{source.file.path}: {first_line(error)}") from error


def _summarise(
    sources: Sequence[Source], opened: Open, rules: Rules, folder: Folder, resources: TaskResources
) -> Tables:
    """Open all of these files, and yield their result tables; one query reads files of one dialect."""
    readable: list[OpenFile] = []
    with ExitStack() as open_files:
        for source in sources:
            try:
                file = query.open_file(source, opened)
            except EnvironmentRefused:
                raise
            except Exception as error:
                yield _failure(source, error, folder)
            else:
                open_files.push(file.closing)
                readable.append(file)
        for files in query.alike(readable):
            yield from _read_alike(files, rules, folder, resources)


def _read_alike(files: list[OpenFile], rules: Rules, folder: Folder, resources: TaskResources) -> Tables:
    """
    Yield the result tables of files in one dialect; what fails costs only the file that makes it fail.

    Files are read again, each alone, where their common query failed. A file is also read again where
    it has not as many rows as lines: we saw that with a quote that does not close, whose row DuckDB
    drops or keeps depending on the files before it.
    """
    results = _results(files, rules, folder, resources)
    for number, file in enumerate(files):
        if results is None or (len(files) > 1 and results[number].rows != file.dialect.rows):
            yield from _read_alike([file], rules, folder, resources)
            continue
        try:
            file.closing.close()
        except opening.Changed as error:
            yield _failure(file.source, error, folder)
        else:
            yield from results[number].tables


def _results(
    files: list[OpenFile], rules: Rules, folder: Folder, resources: TaskResources
) -> list[FileResult] | None:
    """Return the result of each file, a failure too if it is one file; None if several files failed."""
    try:
        return query.read(files, rules, folder, resources)
    except EnvironmentRefused:
        raise
    except Exception as error:
        if not isinstance(error, (FileRejected, OSError)):
            engine.renew(resources)
        if len(files) > 1:
            return None
        return [FileResult(0, [_failure(files[0].source, error, folder)])]


def _failure(source: Source, error: Exception, folder: Folder) -> pa.Table:
    """Return the report of a file that was not read; a rejected file leaves no rows in quarantine."""
    if isinstance(error, FileRejected):
        quarantine.write(folder, source.file.path, ())
        report = Report("rejected", reason=str(error))
    elif isinstance(error, OSError):
        report = Report("unreadable", reason=error.strerror or str(error))
    elif isinstance(error, opening.Changed):
        report = Report("changed")
    else:
        report = Report.failed(error)
    return result_tables.of_report(source, report)
