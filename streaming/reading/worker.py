"""The rows that files become on an executor; `features.summarise` describes them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa

from streaming.chunks import batches
from streaming.domain import ledger
from streaming.errors import EnvironmentRefused, FileChanged, FileRejected, RunFailed
from streaming.landing import quarantine
from streaming.landing.local import is_packed
from streaming.reading import charset, companies, dialect, engine
from streaming.reading.companies import Reading
from streaming.reading.dialect import PIECE_BYTES, Dialect
from streaming.reading.messages import (
    Report,
    Retraction,
    Rules,
    Source,
    TaskResources,
    first_line,
    shortened,
)
from streaming.reading.summary import PLACES, Summary

_ARROW = pa.schema(
    [
        ("file", pa.int32()),
        ("report", pa.string()),
        ("block", pa.string()),
        ("companies", pa.binary()),
        ("repeated", pa.binary()),
        *PLACES,
    ]
)

# Planning a query takes as long as reading some thousand rows: small files share one. All of them are
# open meanwhile, each up to three times.
FILES_AT_ONCE = 128

Batches = Iterator[pa.RecordBatch]
Tables = Iterator[pa.Table]
Told = list[tuple[int, list[pa.Table]]]
"""Of each file, how many rows were read, and what is told of it."""


def read(sources: list[Source], rules: Rules, quarantine_dir: str, share: TaskResources) -> Batches:
    """Yield the rows of these files, as `features.summarise` describes them."""
    packed = [[source] for source in sources if is_packed(source.path)]  # who knows how large it is
    plain = (source for source in sources if not is_packed(source.path))
    for some in (*packed, *batches(plain, FILES_AT_ONCE, PIECE_BYTES)):
        tables = _read(some, rules, Path(quarantine_dir), share)
        whole = pa.concat_tables([_ARROW.empty_table(), *tables], promote_options="default")
        yield from whole.combine_chunks().to_batches()


def rows(sources: list[Source], rules: Sequence[Rules], share: TaskResources) -> Batches:
    """
    Yield the rows that fit, of one file after another, as `features.rows` describes them.

    Raises:
        FileChanged, FileRejected, RunFailed: a file was not read to its end; the message names it.
    """
    connection = engine.connection(share)
    for source in sources:
        try:
            with (
                dialect.opened(Path(source.location), source.size, source.mtime) as descriptor,
                companies.reading(
                    connection, descriptor, rules[source.number], gzipped=is_packed(source.path)
                ) as reading,
            ):
                for batch in reading.rows():
                    file = pa.array([source.number] * len(batch), pa.int32())
                    names = ["file", *batch.schema.names]
                    yield pa.RecordBatch.from_arrays([file, *batch.columns], names=names)
        except dialect.Changed:
            raise FileChanged([source.path]) from None
        except (FileRejected, OSError) as error:
            raise FileRejected(f"{source.path}: {error}") from None
        except Exception as error:
            engine.renew(share)
            raise RunFailed(f"{source.path}: {first_line(error)}") from error


class Disagreement(Exception):
    """Two readings of one file did not see the same rows."""


@dataclass(frozen=True)
class _Open:
    """A file that is open; closing it looks whether it has changed meanwhile."""

    source: Source
    path: str
    dialect: Dialect
    closing: ExitStack


def _read(sources: Sequence[Source], rules: Rules, directory: Path, share: TaskResources) -> Tables:
    """Yield the rows of files that are open at once; those in one dialect are read as one."""
    alike: dict[tuple[object, ...], list[_Open]] = {}
    with ExitStack() as open_:
        for source in sources:
            try:
                file = _open(source)
            except EnvironmentRefused:
                raise
            except Exception as error:
                yield _failed(source, error, directory)
            else:
                open_.push(file.closing)
                found = file.dialect
                alone = source.number if found.in_pieces else None  # its rows are counted as a whole
                alike.setdefault((found.header, found.separator, alone), []).append(file)
        for files in alike.values():
            yield from _read_alike(files, rules, directory, share)


def _open(source: Source) -> _Open:
    with ExitStack() as closing:
        descriptor = closing.enter_context(
            dialect.opened(Path(source.location), source.size, source.mtime)
        )
        gzipped = is_packed(source.path)
        path, found = closing.enter_context(dialect.plain(descriptor, gzipped=gzipped))
        return _Open(source, path, found, closing.pop_all())


def _read_alike(files: list[_Open], rules: Rules, directory: Path, share: TaskResources) -> Tables:
    """
    Yield the rows of files in one dialect.

    A file is read alone where one of them is no CSV, or anything else fails, and where it has not as
    many rows as lines: seen with a quote that does not close, which DuckDB drops or not, depending on
    the files before it. What fails alone costs that file alone.

    Raises:
        EnvironmentRefused: the quarantine can not be written, which is no fault of a file.
    """
    try:
        told = _told(files, rules, directory, share)
    except EnvironmentRefused:
        raise
    except Exception as error:
        if not isinstance(error, (FileRejected, OSError)):
            engine.renew(share)
        if len(files) == 1:
            told = [(0, [_failed(files[0].source, error, directory)])]
        else:
            told = [(-1, [])] * len(files)
    for file, (rows, tables) in zip(files, told, strict=True):
        if len(files) > 1 and rows != file.dialect.rows:
            yield from _read_alike([file], rules, directory, share)
            continue
        try:
            file.closing.close()
        except dialect.Changed as error:
            yield _failed(file.source, error, directory)
        else:
            yield from tables


def _told(files: list[_Open], rules: Rules, directory: Path, share: TaskResources) -> Told:
    paths = [file.path for file in files]
    with closing(Reading(engine.connection(share), paths, files[0].dialect, rules)) as reading:
        again = files[0].source.surplus is not None
        return _surplus(reading, files) if again else _summarised(reading, files, directory)


def _summarised(reading: Reading, files: list[_Open], directory: Path) -> Told:
    """Return the rows of each file; its rejected rows go to the quarantine, and what was there goes."""
    summaries = reading.summaries()
    rejected = reading.rejected() if any(s.rejected for s in summaries) else iter(())
    by_file = groupby(sorted(rejected) if len(files) > 1 else rejected, itemgetter(0))
    without = set(range(len(files)))
    for number, rows in by_file:
        without.remove(number)
        file = files[number]
        encoding = file.dialect.encoding
        lines = ((reason, charset.escaped(raw, encoding)) for _, reason, raw in rows)
        whole = _whole(lines, summaries[number].rejected)
        quarantine.write(directory, file.source.path, whole, encoding)
    for number in without:
        quarantine.write(directory, files[number].source.path, _whole((), summaries[number].rejected))
    told = []
    for file, summary in zip(files, summaries, strict=True):
        counts = (summary.read, summary.rejected, summary.wrong_digits)
        tables = [
            _blocks(file.source, summary),
            _report(
                file.source,
                Report(
                    "read",
                    *counts,
                    shortened(file.dialect.extra),
                    mangled=summary.mangled,
                    mangled_example=summary.mangled_example,
                ),
            ),
            _of(file.source, summary.places),
        ]
        told.append((summary.read, tables))
    return told


def _whole(rows: Iterable[tuple[str, str]], rejected: int) -> Iterator[tuple[str, str]]:
    """Yield rejected rows; fail where there are not as many as were counted before."""
    count = 0
    for row in rows:
        count += 1
        yield row
    if count != rejected:
        raise Disagreement(
            f"{rejected} rejected rows were counted, then {count} were read; nothing of the file was "
            "counted. This is an error of the service: report it, with the file"
        )


def _surplus(reading: Reading, files: list[_Open]) -> Told:
    given = [file.source.surplus or Retraction({}, {}) for file in files]
    counted = [ledger.unpack(surplus.counted) for surplus in given]
    repeated = [ledger.unpack(surplus.repeated) for surplus in given]
    counts = reading.counts() if len(files) > 1 else [0]
    return [
        (rows, [_of(file.source, places), _report(file.source, Report("read"))])
        for rows, file, places in zip(counts, files, reading.surplus(counted, repeated), strict=True)
    ]


def _failed(source: Source, error: Exception, directory: Path) -> pa.Table:
    if isinstance(error, FileRejected):
        quarantine.write(directory, source.path, ())
        return _report(source, Report("rejected", reason=str(error)))
    if isinstance(error, OSError):
        return _report(source, Report("unreadable", reason=error.strerror or str(error)))
    if isinstance(error, dialect.Changed):
        return _report(source, Report("changed"))
    return _report(source, Report.failed(error))


def _blocks(source: Source, summary: Summary) -> pa.Table:
    members, repeated = ledger.pack(summary.companies), ledger.pack(summary.repeated)
    table = {
        "block": list(members),
        "companies": list(members.values()),
        "repeated": pa.array([repeated.get(block) for block in members], pa.binary()),
    }
    return _of(source, pa.table(table))


def _report(source: Source, report: Report) -> pa.Table:
    return _of(source, pa.table({"report": [json.dumps(asdict(report))]}))


def _of(source: Source, table: pa.Table) -> pa.Table:
    return table.append_column("file", pa.array([source.number] * len(table), pa.int32()))
