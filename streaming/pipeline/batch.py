"""The files of one batch, as Spark reads them and adds them up."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.domain import ledger
from streaming.domain.cells import BANDS, Cell, Increments, Sums
from streaming.domain.file import File
from streaming.errors import FileChanged, RunFailed
from streaming.landing.zone import Folder, Zone
from streaming.pipeline import spark_jobs
from streaming.reading.messages import Report, Retraction, Rules, Source

Summed = tuple[Cell, Sums]


@dataclass
class BatchReport:
    """What the executors report of some files, by path; `cells` are the sums of one file alone."""

    reports: dict[str, Report] = field(default_factory=dict)
    companies: dict[str, ledger.Companies] = field(default_factory=dict)
    repeated: dict[str, ledger.Companies] = field(default_factory=dict)
    cells: list[Summed] = field(default_factory=list)


class Batch:
    """
    The files of one batch after the first read; computes the increments once it is known what is new.

    The sums of several files stay with Spark until they are needed. Those of a single file come with its
    report, in one job: there is nothing to bring together, and a second job takes as long as reading a
    small file.

    Raises:
        PySparkException: reading failed.
    """

    def __init__(
        self,
        spark: SparkSession,
        files: Sequence[File],
        rules: Rules,
        zone: Zone,
        folder: Folder,
    ) -> None:
        self._spark, self._rules = spark, rules
        self._zone, self._folder = zone, folder
        self._files = list(files)
        self._single = len(self._files) == 1
        self._held: list[DataFrame] = []
        try:
            self._summaries = self._summarise(self._files, {})
            self.report = self._collect(self._summaries, self._files)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let Spark forget what it holds."""
        for summaries in self._held:
            summaries.unpersist()

    def increments(self, verdicts: Mapping[str, ledger.Verdict]) -> Increments:
        """
        Sum the files that contain new companies, and subtract the rows of companies that do not count.

        Guarantee: over all cells there are just as many companies as the verdicts call new.

        Raises:
            FileChanged: one of the files is no longer what it was.
            RunFailed: two readings of one file do not agree.
        """
        increments = self._sums(verdicts)
        added = sum(sums.companies for sums in increments.values())
        new = sum(verdict.new for verdict in verdicts.values())
        if added != new:
            raise RunFailed(
                f"{new} companies are new, and {added} were added up; nothing of the batch was written. "
                f"This is an error of the service: report it, with {', '.join(sorted(verdicts)[:10])}"
            )
        return increments

    def _sums(self, verdicts: Mapping[str, ledger.Verdict]) -> Increments:
        new = {path for path, verdict in verdicts.items() if verdict.new}
        # Reading a file again is cheaper than keeping every row of it until the verdict is known: only
        # files that repeat something are read twice, and of those only the rows to subtract are summed.
        retractions = {
            path: Retraction(
                ledger.pack(verdicts[path].repeats), ledger.pack(self.report.repeated[path])
            )
            for path in new
            if verdicts[path].repeats or self.report.repeated[path]
        }
        retracted, report = self._retract(retractions) if retractions else (None, BatchReport())
        if self._single:
            return _added(self.report.cells + report.cells if new else [])
        without = [number for number, file in enumerate(self._files) if file.path not in new]
        summed = self._summaries.where(~F.col("file").isin(without))
        rows = spark_jobs.aggregate(summed if retracted is None else summed.union(retracted)).collect()
        return _added(_summed(*row) for row in rows)

    def _retract(self, retractions: Mapping[str, Retraction]) -> tuple[DataFrame, BatchReport]:
        """Read the files with something to subtract again: negative sums, and their reports."""
        files = [file for file in self._files if file.path in retractions]
        summaries = self._summarise(files, retractions)
        report = self._collect(summaries, files)
        if failed := [f"{p}: {r.reason}" for p, r in report.reports.items() if r.outcome == "failed"]:
            raise RunFailed("; ".join(failed))
        if changed := [path for path, r in report.reports.items() if r.outcome != "read"]:
            raise FileChanged(changed)
        return summaries, report

    def _summarise(self, files: Sequence[File], retractions: Mapping[str, Retraction]) -> DataFrame:
        sources = [
            Source(number, file, self._zone, retractions.get(file.path))
            for number, file in enumerate(files)
        ]
        summaries = spark_jobs.summarise(self._spark, sources, self._rules, self._folder)
        if not self._single:
            self._held.append(summaries.persist())
        return summaries

    def _collect(self, summaries: DataFrame, files: Sequence[File]) -> BatchReport:
        """Bring to the driver what is reported of each file; of several files not the sums."""
        batch = BatchReport()
        for file in files:
            batch.companies[file.path], batch.repeated[file.path] = {}, {}
        rows = summaries if self._single else summaries.where(F.col("cidade").isNull())
        for number, report, block, companies, repeated, *cell in rows.collect():
            path = files[number].path
            if report is not None:
                batch.reports[path] = Report(**json.loads(report))
            elif block is not None:
                batch.companies[path] |= ledger.unpack({block: bytes(companies)})
                if repeated is not None:
                    batch.repeated[path] |= ledger.unpack({block: bytes(repeated)})
            else:
                batch.cells.append(_summed(*cell))
        return batch


def _summed(cidade: str, estado: str, mes: str, faixa: int, capital: Decimal, companies: int) -> Summed:
    return Cell(cidade, estado, mes, BANDS[faixa]), Sums(capital, companies)


def _added(cells: Iterable[Summed]) -> Increments:
    """Add up cells; those without companies are none."""
    increments: dict[Cell, Sums] = {}
    for cell, sums in cells:
        before = increments.get(cell)
        increments[cell] = sums if before is None else before.plus(sums)
    return {cell: sums for cell, sums in increments.items() if sums.companies}
