"""
Everything computed again from the files, row by row, for the audit.

The rows come from the reader that ingestion uses; the ledger, the decision and the merge have no part
in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, GroupedData, Row, SparkSession
from pyspark.sql import functions as F

from streaming.domain import catalogue, cells
from streaming.domain.cells import Sums
from streaming.domain.file import File
from streaming.domain.groups import FeatureGroup
from streaming.domain.records import At, Record
from streaming.errors import RunFailed
from streaming.jobs import instants
from streaming.jobs.instants import Share
from streaming.landing import places
from streaming.pipeline import spark_jobs
from streaming.reading.messages import Rules, Source
from streaming.settings import Settings
from streaming.spark import session

Hashes = dict[str, dict[str, str]]
"""key → field → text."""


@dataclass(frozen=True)
class Recount:
    """What these files, each as its record knows it, add up to in this order."""

    files: Sequence[tuple[File, Record]]
    settings: Settings
    start: Callable[[], SparkSession]

    def hashes(self) -> Hashes:
        """
        Return every key of every feature group.

        Raises:
            RunFailed: a file changed or became unreadable meanwhile.
        """
        if not self.files:
            return {}
        with _readable():
            rows = self._rows().transform(by_place).collect()
        hashes: Hashes = {}
        for row in rows:
            at = self.files[row["last"]][1].at
            sums = Sums(row["total"], row["companies"])
            columns = _columns(row)
            for group in _groups(columns):
                fields = group.values(columns, sums, at)
                hashes.setdefault(key := group.key_of(columns), {}).update(fields)
                for ranking in catalogue.RANKINGS:
                    if ranking.group == group:
                        hashes.setdefault(ranking.key, {})[key] = repr(ranking.score(sums))
        return hashes

    def instants(self, keys: set[str], lost: set[At]) -> dict[str, set[str]]:
        """Return the instants of each of these keys that the records explain; reads all files again."""
        commits = [(record.version, record.at) for _, record in self.files]
        new = [record.new for _, record in self.files]
        with _readable():
            rows = self._rows().persist()
            try:
                shown = {file: number for file, number in rows.groupBy("file").count().collect()}
                unsure = [file for file, number in shown.items() if number > new[file]]
                parts = rows.where(_may_be_of(keys)).transform(by_file, unsure).collect()
            finally:
                rows.unpersist()
        certain: dict[str, At] = {}
        shares: dict[str, list[Share]] = {key: [] for key in keys}
        for row in parts:
            columns = _columns(row)
            for key in keys.intersection(group.key_of(columns) for group in _groups(columns)):
                file = row["part"]
                if file is None:
                    certain[key] = commits[row["last"]]
                else:
                    shares[key].append(Share(commits[file], row["companies"], shown[file], new[file]))
        return {key: instants.explained(certain.get(key), shares[key], lost) for key in keys}

    def _rows(self) -> DataFrame:
        """Return the row of each company that counts, by these files in this order."""
        zone = places.zone(self.settings)
        sources = [Source(number, file, zone) for number, (file, _) in enumerate(self.files)]
        rules = [Rules.of(self.settings, datetime.fromisoformat(r.at)) for _, r in self.files]
        return spark_jobs.fitting_rows(self.start(), sources, rules).transform(firsts)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except PySparkException as error:
        raise RunFailed(f"{session.cause(error)}; audit again") from error


def _may_be_of(keys: Iterable[str]) -> Column:
    """Return the condition that a row is of one of these keys, as far as their cities tell."""
    places = [group.parse(key) or {} for key in keys if (group := catalogue.group_of(key))]
    cities = {place.get("cidade") for place in places}
    return F.lit(True) if None in cities else F.col("cidade").isin(sorted(c for c in cities if c))


def _columns(row: Row) -> dict[str, str]:
    """Return the values of the columns that a row of sums is of."""
    columns = {name: row[name] for name in cells.DIMENSIONS if row[name] is not None}
    if "faixa" in columns:
        columns["faixa"] = cells.BANDS[columns["faixa"]]
    return columns


def _groups(columns: Mapping[str, str]) -> Iterator[FeatureGroup]:
    """Yield the groups that sum by just these columns."""
    return (group for group in catalogue.GROUPS if set(group.columns) == columns.keys())


def firsts(rows: DataFrame) -> DataFrame:
    """
    Keep one row a company: that of the earliest line in the earliest file.

    Takes rows as `spark_jobs.fitting_rows` describes them, and returns them with the columns `cidade`,
    `estado`, `mes`, `faixa`, `capital_social` and `file`.
    """
    row = F.struct(*cells.DIMENSIONS, "capital_social", "file")
    return (
        rows.groupBy("empresa")
        .agg(F.min_by(row, F.struct("file", "line")).alias("first"))
        .select("first.*")
    )


def by_place(rows: DataFrame) -> DataFrame:
    """
    Add up rows by the columns of each feature group.

    Returns:
        Each column (null: not summed by it), `total` (decimal, reais), `companies`
        (bigint), `last` (the last of the files).
    """
    return _grouped(rows, catalogue.GROUPS).agg(
        F.sum("capital_social").alias("total"),
        F.count(F.lit(1)).alias("companies"),
        F.max("file").alias("last"),
    )


def by_file(rows: DataFrame, unsure: Sequence[int]) -> DataFrame:
    """
    Count rows by the columns of each feature group with instants, and those of `unsure` files by file.

    Returns:
        Each column (null: not summed by it), `part` (one of the unsure files, or null:
        all others), `companies` (bigint), `last` (the last of the files).
    """
    part = F.when(F.col("file").isin(list(unsure)), F.col("file")).otherwise(-1)
    groups = [group for group in catalogue.GROUPS if group.at is not None]
    counts = _grouped(rows.withColumn("part", part), groups, "part").agg(
        F.count(F.lit(1)).alias("companies"), F.max("file").alias("last")
    )
    return counts.withColumn("part", F.when(F.col("part") >= 0, F.col("part")))


def _grouped(rows: DataFrame, groups: Iterable[FeatureGroup], *also: str) -> GroupedData:
    sets = {group.columns for group in groups}
    columns = [[F.col(name) for name in (*summed_by, *also)] for summed_by in sorted(sets)]
    return rows.groupingSets(columns, *cells.DIMENSIONS, *also)
