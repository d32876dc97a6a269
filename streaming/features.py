"""
Spark: files → summaries on the executors, summaries → sums per place.

DataFrames in, DataFrames out; no service is touched. Rows of the files never reach the JVM.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming import companies, dialect, ledger, quarantine
from streaming.companies import PLACES, Rules
from streaming.errors import FileRejected

SUMMARIES = """
    file string, report string, block string, companies binary,
    cidade string, estado string, capital_social_total decimal(28,2), quantidade_empresas bigint
"""
_ARROW = pa.schema(
    [
        ("file", pa.string()),
        ("report", pa.string()),
        ("block", pa.string()),
        ("companies", pa.binary()),
        *PLACES,
    ]
)


@dataclass(frozen=True)
class Source:
    """
    One file to summarise.

    `path` names it in the summaries, `location` is where executors find it; `size` (bytes) and
    `mtime` (nanoseconds) are what it must still have. With `leave_out` (ledger blocks as bytes) only
    its places are summarised, without those companies.
    """

    path: str
    location: str
    size: int
    mtime: int
    leave_out: dict[str, bytes] | None = None


@dataclass(frozen=True)
class Report:
    """
    What reading one file came to.

    `outcome` is `read`, `rejected` (as a whole, see `reason`), `changed` (it is not, or no longer, the
    file it should be) or `unreadable` (the system refused, see `reason`; it may work later).
    """

    outcome: str
    read: int = 0
    rejected: int = 0
    wrong_digits: int = 0
    extra: list[str] = field(default_factory=list)
    reason: str | None = None


def summarise(
    spark: SparkSession, sources: Sequence[Source], rules: Rules, quarantine_dir: Path
) -> DataFrame:
    """
    Read the files on the executors; rejected rows go to the quarantine.

    Returns:
        For each file one row with `report` (JSON of `Report`); for each ledger block it has companies
        in, one row with `block` and `companies` (roaring bitmap); for each spelling of a place one
        row with `cidade`, `estado`, `capital_social_total` (reais) and `quantidade_empresas`.
        Every row has `file`; the columns of the other kinds are null.
    """
    parallelism = spark.sparkContext.defaultParallelism
    tasks = _spread(sources, parallelism)
    threads = max(1, parallelism // len(tasks))
    read = _reader(tasks, rules, str(quarantine_dir), threads)
    return spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(read, SUMMARIES)


def aggregate(summaries: DataFrame) -> DataFrame:
    """
    Add up the places of summaries.

    Returns:
        One row per `cidade` and `estado` with `capital_social_total` (decimal, reais) and
        `quantidade_empresas` (bigint).
    """
    return (
        summaries.where(F.col("cidade").isNotNull())
        .groupBy("cidade", "estado")
        .agg(
            F.sum("capital_social_total").alias("capital_social_total"),
            F.sum("quantidade_empresas").alias("quantidade_empresas"),
        )
    )


def _spread(sources: Sequence[Source], most: int) -> list[list[Source]]:
    """Share the files out over at most so many tasks, the largest first to the least loaded."""
    tasks: list[list[Source]] = [[] for _ in range(min(most, len(sources)))]
    loads = [0] * len(tasks)
    for source in sorted(sources, key=lambda s: -s.size):
        lightest = loads.index(min(loads))
        tasks[lightest].append(source)
        loads[lightest] += (
            source.size + 64 * 1024
        )  # opening one costs about as much as reading this
    return tasks


Batches = Iterator[pa.RecordBatch]


def _reader(
    tasks: list[list[Source]], rules: Rules, quarantine_dir: str, threads: int
) -> Callable[[Batches], Batches]:
    def read(ids: Batches) -> Batches:
        connection = companies.connect(threads)
        for batch in ids:
            for task in batch.column(0).to_pylist():
                for source in tasks[task]:
                    yield from summary_of(connection, source, rules, Path(quarantine_dir))

    return read


def summary_of(
    connection: companies.Connection, source: Source, rules: Rules, quarantine_dir: Path
) -> Batches:
    """Yield the rows of one file, as `summarise` describes them."""
    blocks: dict[str, bytes] = {}
    try:
        with (
            dialect.opened(Path(source.location), source.size, source.mtime) as descriptor,
            companies.reading(
                connection, descriptor, rules, gzipped=source.path.endswith(".gz")
            ) as reading,
        ):
            if source.leave_out is None:
                summary = reading.summary()
                rejected = reading.rejected() if summary.rejected else ()
                written = quarantine.write(quarantine_dir, source.path, rejected)
                assert written == summary.rejected, (source.path, written, summary.rejected)
                places, blocks = summary.places, ledger.pack(summary.companies)
                counts = (summary.read, summary.rejected, summary.wrong_digits)
                report = Report("read", *counts, extra=list(reading.dialect.extra))
            else:
                places = reading.summary_without(ledger.unpack(source.leave_out))
                report = Report("read")
        yield _table(source.path, **{n: places[n].combine_chunks() for n in places.column_names})
        yield _table(source.path, block=list(blocks), companies=list(blocks.values()))
    except FileRejected as error:
        report = Report("rejected", reason=str(error))
        quarantine.write(quarantine_dir, source.path, ())
    except dialect.Changed:
        report = Report("changed")
    except OSError as error:
        report = Report("unreadable", reason=error.strerror or str(error))
    yield _table(source.path, report=[json.dumps(asdict(report))])


def _table(path: str, **columns: Iterable[object]) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]  # lists and arrays
    columns["file"] = [path] * rows
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(rows, f.type)
        for f in _ARROW
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_ARROW)
