"""The files of one batch, as Spark reads them and adds them up."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.domain import ledger
from streaming.domain.catalogue import Increments, Place, Sums
from streaming.domain.file import File
from streaming.errors import FileChanged, RunFailed
from streaming.pipeline import spark_jobs
from streaming.reading.messages import Report, Retraction, Rules, Source

Summed = tuple[Place, Sums]


@dataclass
class BatchReport:
    """What Spark brought to the driver of some files, by path."""

    reports: dict[str, Report] = field(default_factory=dict)
    companies: dict[str, ledger.Companies] = field(default_factory=dict)
    repeated: dict[str, ledger.Companies] = field(default_factory=dict)
    places: list[Summed] = field(default_factory=list)


class Batch:
    """
    The files of one batch after the first read.

    Computes the increments once it is known which companies are new.

    What the places of several files add up to stays with Spark until it is asked for. Those of a file
    that is alone come with its report, in one job: there is nothing to bring together, and a second
    job takes as long as reading a small file.

    Raises:
        PySparkException: reading failed.
    """

    def __init__(
        self, spark: SparkSession, files: Sequence[File], rules: Rules, zone: Path, quarantine: Path
    ) -> None:
        self._spark, self._rules, self._zone, self._quarantine = spark, rules, zone, quarantine
        self._files = list(files)
        self._alone = len(self._files) == 1
        self._held: list[DataFrame] = []
        try:
            self._summaries = self._summarise(self._files)
            self.told = self._collect(self._summaries, self._files)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let Spark forget what it holds."""
        for summaries in self._held:
            summaries.unpersist()

    def increments(self, verdicts: Mapping[str, ledger.Verdict]) -> Increments:
        """
        Sum the files that contain new companies and subtract rows of companies that do not count.

        Guarantee: over all places there are just as many companies as the verdicts call new.

        Raises:
            FileChanged: one of them is no longer what it was.
            RunFailed: two readings of one file do not agree.
        """
        sums = self._sums(verdicts)
        added = sum(sum_.companies for sum_ in sums.values())
        new = sum(verdict.new for verdict in verdicts.values())
        if added != new:
            raise RunFailed(
                f"{new} companies are new, and {added} were added up; nothing of the batch was written. "
                f"This is an error of the service: report it, with {', '.join(sorted(verdicts)[:10])}"
            )
        return sums

    def _sums(self, verdicts: Mapping[str, ledger.Verdict]) -> Increments:
        new = {path for path, verdict in verdicts.items() if verdict.new}
        surplus = {
            path: Retraction(ledger.pack(verdicts[path].repeats), ledger.pack(self.told.repeated[path]))
            for path in new
            if verdicts[path].repeats or self.told.repeated[path]
        }
        if self._alone:
            places = self.told.places if new else []
            return _added(places + (self._too_much(surplus)[1].places if surplus else []))
        nothing = [number for number, file in enumerate(self._files) if file.path not in new]
        total = self._summaries.where(~F.col("file").isin(nothing))
        if surplus:
            total = total.union(self._too_much(surplus)[0])
        rows = spark_jobs.aggregate(total).collect()
        return _added((Place(*row[:2]), Sums(*row[2:])) for row in rows)

    def _too_much(self, surplus: Mapping[str, Retraction]) -> tuple[DataFrame, BatchReport]:
        files = [file for file in self._files if file.path in surplus]
        found = self._summarise(files, surplus)
        told = self._collect(found, files)
        if failed := [f"{p}: {r.reason}" for p, r in told.reports.items() if r.outcome == "failed"]:
            raise RunFailed("; ".join(failed))
        if changed := [path for path, report in told.reports.items() if report.outcome != "read"]:
            raise FileChanged(changed)
        return found, told

    def _summarise(
        self, files: Sequence[File], surplus: Mapping[str, Retraction] | None = None
    ) -> DataFrame:
        sources = [
            Source(
                number,
                file.path,
                str(self._zone / file.path),
                file.size,
                file.mtime,
                surplus[file.path] if surplus else None,
            )
            for number, file in enumerate(files)
        ]
        summaries = spark_jobs.summarise(self._spark, sources, self._rules, self._quarantine)
        if not self._alone:
            self._held.append(summaries.persist())
        return summaries

    def _collect(self, summaries: DataFrame, files: Sequence[File]) -> BatchReport:
        """Bring what is told of each file to the driver: of several files not the places."""
        told = BatchReport()
        for file in files:
            told.companies[file.path], told.repeated[file.path] = {}, {}
        rows = summaries if self._alone else summaries.where(F.col("cidade").isNull())
        for number, report, block, companies, repeated, *place in rows.collect():
            path = files[number].path
            if report is not None:
                told.reports[path] = Report(**json.loads(report))
            elif block is not None:
                told.companies[path] |= ledger.unpack({block: bytes(companies)})
                if repeated is not None:
                    told.repeated[path] |= ledger.unpack({block: bytes(repeated)})
            else:
                told.places.append((Place(*place[:2]), Sums(*place[2:])))
        return told


def _added(places: Iterable[Summed]) -> Increments:
    """Add up places; those without companies are none."""
    increments: dict[Place, Sums] = {}
    for place, sums in places:
        increments[place] = increments.get(place, Sums()).plus(sums)
    return {place: sums for place, sums in increments.items() if sums.companies}
