"""
Reads files again to tell how good their data is: nothing is counted, and the quarantine stays as it is.

They are read as ingestion reads them, by the same rules. That needs no Spark.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from decimal import Decimal

from streaming.chunks import batches_by_size
from streaming.domain.file import File
from streaming.domain.quality import Inspection
from streaming.errors import FileRejected
from streaming.landing import opening
from streaming.landing.names import is_packed
from streaming.landing.zone import Zone
from streaming.reading import engine, query
from streaming.reading.dialect import PIECE_BYTES
from streaming.reading.judging import Judged, Judging
from streaming.reading.messages import Rules, Source, TaskResources, first_line
from streaming.reading.query import Disagreement, OpenFile
from streaming.reading.summary import Summary

FILES_AT_ONCE = 128


@dataclass(frozen=True)
class NotRead:
    """Why a file could not be read again."""

    why: str


@dataclass(frozen=True)
class Inspector:
    """
    Reads files again.

    Attributes:
        zone: where they are.
        resources: what a reading may take of the machine.
    """

    zone: Zone
    resources: TaskResources

    def inspect(
        self, files: Iterable[File], rules: Rules, most: int, above: Decimal
    ) -> dict[str, Inspection | NotRead]:
        """
        Return by path what the files show; one query reads those of one dialect.

        Args:
            files: as `batches` returns them.
            rules: by which rows are judged.
            most: how many of the largest capitals are returned of each file.
            above: only larger ones, in reais.
        """
        results: dict[str, Inspection | NotRead] = {}
        readable: list[OpenFile] = []
        files = list(files)
        with ExitStack() as open_files:
            opening_of = open_files.enter_context(self.zone.ahead(files))
            for file in files:
                try:
                    opened = query.open_file(Source(0, file, self.zone), opening_of)
                except Exception as error:  # one file cannot cost the others
                    results[file.path] = _not_read(error)
                else:
                    open_files.push(opened.closing)
                    readable.append(opened)
            for group in query.alike(readable):
                inspections = self._read_alike(group, rules, most, above)
                for opened, inspection in zip(group, inspections, strict=True):
                    path = opened.source.file.path
                    results[path] = inspection
                    try:
                        opened.closing.close()
                    except opening.Changed as error:
                        results[path] = _not_read(error)
        return results

    def _read_alike(
        self, files: Sequence[OpenFile], rules: Rules, most: int, above: Decimal
    ) -> list[Inspection | NotRead]:
        """
        Read files with common queries; a file that makes them fail costs no other.

        As in ingestion, a file with another number of rows than lines is read again alone.
        """
        try:
            with closing(
                Judging(
                    engine.connection(self.resources),
                    [file.path for file in files],
                    files[0].dialect,
                    rules,
                )
            ) as reading:
                summaries = reading.summaries()
                judged = reading.judged(most, above)
        except Exception as error:
            if not isinstance(error, FileRejected | OSError):
                engine.renew(self.resources)
            if len(files) == 1:
                return [_not_read(error)]
            half = len(files) // 2
            return [
                inspection
                for part in (files[:half], files[half:])
                for inspection in self._read_alike(part, rules, most, above)
            ]
        inspections: list[Inspection | NotRead] = []
        for file, summary, rows in zip(files, summaries, judged, strict=True):
            if len(files) > 1 and summary.read != file.dialect.rows:
                inspections += self._read_alike([file], rules, most, above)
            else:
                inspections.append(_inspection(summary, rows))
        return inspections


def batches(files: Sequence[File]) -> Iterator[list[File]]:
    """Cut files into pieces to be read together: each large or packed one is read alone."""
    yield from ([file] for file in files if is_packed(file.path))
    plain = (file for file in files if not is_packed(file.path))
    yield from batches_by_size(plain, FILES_AT_ONCE, PIECE_BYTES)


def _inspection(summary: Summary, judged: Judged) -> Inspection | NotRead:
    if sum(judged.reasons.values()) != summary.rejected:
        return _not_read(Disagreement("two readings of it do not agree: report it, with the file"))
    return Inspection(
        read=summary.read,
        rejected=judged.reasons,
        companies=sum(map(len, summary.companies.values())),
        wrong_digits=summary.wrong_digits,
        unrecognised=summary.unrecognised,
        mangled=summary.mangled,
        mangled_example=summary.mangled_example,
        not_informed=judged.not_informed,
        huge=judged.huge,
        marked=judged.marked,
        largest=judged.largest,
    )


def _not_read(error: Exception) -> NotRead:
    if isinstance(error, opening.Changed):
        return NotRead("gone, or changed while it was read")
    if isinstance(error, FileRejected | Disagreement):
        return NotRead(str(error))
    if isinstance(error, OSError):
        return NotRead(error.strerror or str(error))
    return NotRead(first_line(error))
