"""
The audit: every feature computed again from the files, row by row, and held against Redis.

Nothing is taken from Redis but which files were ingested, in which order and at what instant. The rows
come from the same reader; what decides, remembers and merges has no part in it. Where counted content is
gone, the records also tell which instants of a key that explains (`instants`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming.domain.features import FIELDS
from streaming.domain.file import File
from streaming.domain.records import At, Record
from streaming.domain.results import Audit, Difference
from streaming.errors import Conflict, RunFailed
from streaming.jobs import instants
from streaming.jobs.instants import Share
from streaming.jobs.lifetime import LazySpark
from streaming.pipeline import archive, spark_jobs
from streaming.reading.messages import Rules, Source
from streaming.settings import Settings
from streaming.spark import session
from streaming.store.store import Store

ATTEMPTS = 50
INSTANT = "atualizado_em"

Hashes = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Snapshot:
    """Redis at one version: its features, and its records."""

    version: int
    hashes: Hashes
    records: dict[str, Record]


def audit(settings: Settings, store: Store) -> Audit:
    """Compare the features in Redis with what the files add up to, as `compare` does."""
    with LazySpark(settings) as start:
        return compare(settings, store, start)


def compare(settings: Settings, store: Store, start: Callable[[], SparkSession]) -> Audit:
    """
    Compare the features in Redis with what the files add up to.

    Raises:
        Conflict: others never stopped writing to Redis.
        RunFailed: a file changed or became unreadable while it was audited.
    """
    then = snapshot(store)
    counted = {path: r for path, r in then.records.items() if r.state == "ingested"}
    there = archive.files_in_ingest_order(counted, settings.landing_zone)
    found = [(file, counted[path]) for path, file in there.items()]
    notes = [
        f"{path}: overwritten after {record.earlier} companies of it were counted"
        for path, record in sorted(then.records.items())
        if record.earlier
    ] + [
        f"{path}: gone or changed after {counted[path].new} companies of it were counted"
        for path in sorted(counted.keys() - there.keys())
    ]
    expected, companies = _expected(found, settings, start) if found else ({}, 0)
    cities = sum("/" not in key for key in expected)
    wrong = differences(then.hashes, expected)
    lost = instants.lost(then.records.values(), (counted[p] for p in counted.keys() - there.keys()))
    late = {d.key for d in wrong if d.field == INSTANT}
    if lost and late:
        may = _instants(found, late, lost, settings, start)
        wrong = [d for d in wrong if d.field != INSTANT or d.redis not in may.get(d.key, set())]
    return Audit(cities, companies, len(found), then.version, wrong, notes)


def snapshot(store: Store) -> Snapshot:
    """Read features and records of one and the same version."""
    for _ in range(ATTEMPTS):
        position = store.position()
        found = Snapshot(position[0], store.hashes(), store.records())
        if store.position() == position:
            return found
    raise Conflict("Redis changed all the time while it was read: pause what ingests, then audit again")


def differences(redis: Hashes, expected: Hashes) -> list[Difference]:
    """Tell every key that is missing or too many, and every field that is not the same text."""
    found = []
    for key in sorted(redis.keys() | expected.keys()):
        ours, theirs = expected.get(key), redis.get(key)
        if ours is None or theirs is None:
            text = ["no such key" if h is None else h.get(FIELDS[0], "") for h in (theirs, ours)]
            found.append(Difference(key, None, *text))
            continue
        found += [
            Difference(key, field, theirs.get(field), ours.get(field))
            for field in (*FIELDS, *sorted(theirs.keys() - set(FIELDS)))
            if theirs.get(field) != ours.get(field)
        ]
    return found


def _expected(
    found: list[tuple[File, Record]], settings: Settings, start: Callable[[], SparkSession]
) -> tuple[Hashes, int]:
    """Return the features that these files, in this order, add up to, and how many companies."""
    at = [record.at for _, record in found]
    with _readable():
        places = _counted(found, settings, start).transform(by_place).collect()
    hashes = {}
    for cidade, estado, total, companies, last in places:
        mean = (total / companies).quantize(Decimal("0.01"), ROUND_HALF_UP)
        values = (f"{total:.2f}", str(companies), f"{mean:.2f}", at[last])
        hashes[_key(cidade, estado)] = dict(zip(FIELDS, values, strict=True))
    return hashes, sum(row[3] for row in places if row[1] is None)


def _instants(
    found: list[tuple[File, Record]],
    keys: set[str],
    lost: set[At],
    settings: Settings,
    start: Callable[[], SparkSession],
) -> dict[str, set[str]]:
    """Return the instants of each of these keys that the records explain; reads all files once more."""
    commits = [(record.version, record.at) for _, record in found]
    new = [record.new for _, record in found]
    cities = sorted({key.partition("/")[0] for key in keys})
    with _readable():
        counted = _counted(found, settings, start).persist()
        try:
            shown = {file: number for file, number in counted.groupBy("file").count().collect()}
            unsure = [file for file, number in shown.items() if number > new[file]]
            parts = counted.where(F.col("cidade").isin(cities)).transform(by_file, unsure).collect()
        finally:
            counted.unpersist()
    certain: dict[str, At] = {}
    shares: dict[str, list[Share]] = {key: [] for key in keys}
    for cidade, estado, file, companies, last in parts:
        key = _key(cidade, estado)
        if file is None:
            certain[key] = commits[last]
        elif key in keys:
            shares[key].append(Share(commits[file], companies, shown[file], new[file]))
    return {key: instants.explained(certain.get(key), shares[key], lost) for key in keys}


def _key(cidade: str, estado: str | None) -> str:
    return cidade if estado is None else f"{cidade}/{estado}"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except PySparkException as error:
        raise RunFailed(f"{session.cause(error)}; audit again") from error


def _counted(
    found: list[tuple[File, Record]], settings: Settings, start: Callable[[], SparkSession]
) -> DataFrame:
    """Return the row of each company that counts, by these files in this order."""
    landing_zone = settings.landing_zone.absolute()
    strict = settings.cnpj_check_digits == "strict"
    sources = [
        Source(n, file.path, str(landing_zone / file.path), file.size, file.mtime)
        for n, (file, _) in enumerate(found)
    ]
    rules = [Rules(datetime.fromisoformat(record.at), strict) for _, record in found]
    return spark_jobs.fitting_rows(start(), sources, rules).transform(firsts)


def firsts(rows: DataFrame) -> DataFrame:
    """
    Keep one row a company: that of the earliest line in the earliest file.

    Takes rows as `features.rows` describes them, and returns them with the columns `cidade`,
    `estado`, `capital_social` and `file`.
    """
    row = F.struct("cidade", "estado", "capital_social", "file")
    return (
        rows.groupBy("empresa")
        .agg(F.min_by(row, F.struct("file", "line")).alias("first"))
        .select("first.*")
    )


def by_place(rows: DataFrame) -> DataFrame:
    """
    Add up rows per `cidade` (`estado` null), and per `cidade` and `estado`.

    Returns:
        `cidade`, `estado`, `total` (decimal, reais), `companies` (bigint), `last` (of the files).
    """
    return rows.groupingSets(
        [[F.col("cidade")], [F.col("cidade"), F.col("estado")]], "cidade", "estado"
    ).agg(
        F.sum("capital_social").alias("total"),
        F.count(F.lit(1)).alias("companies"),
        F.max("file").alias("last"),
    )


def by_file(rows: DataFrame, unsure: Sequence[int]) -> DataFrame:
    """
    Count rows per `cidade` (`estado` null), and per `cidade` and `estado`, and of `unsure` files each.

    Returns:
        `cidade`, `estado`, `part` (one of the unsure files, or null: all others), `companies` (bigint),
        `last` (of the files).
    """
    part = F.when(F.col("file").isin(list(unsure)), F.col("file")).otherwise(-1)
    counts = (
        rows.withColumn("part", part)
        .groupingSets(
            [[F.col("cidade"), F.col("part")], [F.col("cidade"), F.col("estado"), F.col("part")]],
            "cidade",
            "estado",
            "part",
        )
        .agg(F.count(F.lit(1)).alias("companies"), F.max("file").alias("last"))
    )
    return counts.withColumn("part", F.when(F.col("part") >= 0, F.col("part")))
