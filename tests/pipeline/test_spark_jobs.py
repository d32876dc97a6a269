"""The Spark logic: files → summaries on the executors, summaries → sums per place."""

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from streaming.domain import ledger
from streaming.domain.file import File
from streaming.landing import quarantine
from streaming.landing.directory import Directory
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline import spark_jobs
from streaming.reading import result_tables
from streaming.reading.messages import Report, Retraction, Rules, Source, TaskResources
from tests import oracle
from tests.pipeline.summaries import RULES, added_up, write
from tests.sources import location, source

HEADER = oracle.HEADER + "\n"
NATAL = "11222333000181,2024-01-31,Natal,RN,10.00\n"
NATAL_TOO = "44555666000181,2024-01-31,  Natal ,RN,0.05\n"
RECIFE = "22333444000182,2024-01-31,Recife,PE,0.50\n"  # wrong check digits
COLUMNS = [
    "report",
    "block",
    "companies",
    "repeated",
    "cidade",
    "estado",
    "mes",
    "faixa",
    "capital_social_total",
    "quantidade_empresas",
]


def company(root: int, branch: int = 1) -> int:
    return root >> 16 << 37 | branch << 16 | root & 0xFFFF


def rows(summaries: DataFrame) -> list[dict[str, Any]]:
    assert summaries.columns == ["file", *COLUMNS]
    return [row.asDict() for row in summaries.collect()]


def reports(result: Sequence[dict[str, Any]]) -> dict[int, Report]:
    reported = [(row["file"], Report(**json.loads(row["report"]))) for row in result if row["report"]]
    assert len(reported) == len(dict(reported)), "one report a file"
    return dict(reported)


def companies(result: Sequence[dict[str, Any]], file: int, which: str = "companies") -> set[int]:
    packed = {r["block"]: bytes(r[which]) for r in result if r[which] and r["file"] == file}
    return set(ledger.to_ids(ledger.unpack(packed)).tolist())


def places(result: Sequence[dict[str, Any]], file: int) -> list[tuple[str, str, str, int, Decimal, int]]:
    columns = COLUMNS[4:]
    return sorted(tuple(r[c] for c in columns) for r in result if r["cidade"] and r["file"] == file)


@pytest.mark.parametrize(
    ("sizes", "tasks", "threads"),
    [
        ([33_000], 1, 1),
        ([33_000] * 20, 1, 1),  # a second worker would take longer than the rest of them
        ([33_000] * 2_000, 4, 1),
        ([65_000_000] * 10, 4, 1),
        ([65_000_000, 1_000, 1_000], 3, 1),
        ([65_000_000] * 2, 2, 2),
        ([5_000_000], 1, 2),
        ([10_000_000_000], 1, 4),
    ],
)
def test_tasks_and_threads_follow_cores_files_and_bytes(
    sizes: list[int], tasks: int, threads: int
) -> None:
    sources = [Source(n, File(0, "x.csv", size), Directory(Path("/"))) for n, size in enumerate(sizes)]

    shared, part = spark_jobs._spread(sources, 4)

    assert sorted(source.number for task in shared for source in task) == list(range(len(sizes)))
    assert (len(shared), part) == (tasks, TaskResources(threads, readers=tasks))
    loads = [sum(source.size for source in task) for task in shared]
    assert max(loads) - min(loads) <= max(sizes)


def test_a_summary_has_a_report_the_companies_and_the_places_of_each_file(
    spark: SparkSession, tmp_path: Path
) -> None:
    sources = write(
        tmp_path,
        a=HEADER + NATAL + NATAL_TOO + RECIFE + "x,y\n" + NATAL.replace("RN", "XX"),
        b="nota," + HEADER + "1," + NATAL,
        c=HEADER,
        d=HEADER + RECIFE + RECIFE,
    )

    result = rows(spark_jobs.summarise(spark, sources, RULES, LocalFolder(tmp_path / "q")))

    assert reports(result) == {
        0: Report("read", read=5, rejected=2, wrong_digits=1),
        1: Report("read", read=1, rejected=0, wrong_digits=0, extra=["nota"]),
        2: Report("read"),
        3: Report("read", read=2, wrong_digits=2),
    }
    assert companies(result, 0) == {company(11222333), company(44555666), company(22333444)}
    assert companies(result, 1) == {company(11222333)}
    assert companies(result, 2) == set()
    assert companies(result, 3) == {company(22333444)}
    assert places(result, 0) == [
        ("Natal", "RN", "2024-01", 1, Decimal("0.05"), 1),
        ("Natal", "RN", "2024-01", 1, Decimal("10.00"), 1),
        ("Recife", "PE", "2024-01", 1, Decimal("0.50"), 1),
    ]
    assert places(result, 1) == [("Natal", "RN", "2024-01", 1, Decimal("10.00"), 1)]
    assert places(result, 2) == []
    assert places(result, 3) == [("Recife", "PE", "2024-01", 1, Decimal("1.00"), 2)]
    assert [companies(result, file, "repeated") for file in range(4)] == [
        set(),
        set(),
        set(),
        {company(22333444)},
    ]


def test_a_row_of_a_summary_is_of_one_kind_and_names_its_file(
    spark: SparkSession, tmp_path: Path
) -> None:
    sources = write(
        tmp_path, a=HEADER + NATAL, b="no csv", c=HEADER + RECIFE, d=HEADER + RECIFE + RECIFE
    )

    result = rows(spark_jobs.summarise(spark, sources, RULES, LocalFolder(tmp_path / "q")))

    kinds = [{c for c in COLUMNS if row[c] is not None} for row in result]
    assert {frozenset(kind) for kind in kinds} == {
        frozenset({"report"}),
        frozenset({"block", "companies"}),
        frozenset({"block", "companies", "repeated"}),
        frozenset({"cidade", "estado", "mes", "faixa", "capital_social_total", "quantidade_empresas"}),
    }
    assert {row["file"] for row in result} == {0, 1, 2, 3}


def test_companies_come_in_the_blocks_of_the_ledger(spark: SparkSession, tmp_path: Path) -> None:
    content = HEADER + "".join(
        f"{cnpj}00,2024-01-31,Natal,RN,1.00\n"
        for cnpj in ("000000010001", "999999999999", "ZZZZZZZZZZZZ")
    )

    result = rows(
        spark_jobs.summarise(spark, write(tmp_path, a=content), RULES, LocalFolder(tmp_path / "q"))
    )

    assert sorted(row["block"] for row in result if row["block"]) == [
        "0",
        "1525",
        f"A{(36**8 - 1) >> 16}",
    ]
    assert companies(result, 0) == {
        company(1),
        company(99_999_999, 9_999),
        1 << 63 | company(36**8 - 1, 36**4 - 1),
    }


def test_rejected_rows_go_to_the_quarantine_and_leave_it_when_they_are_mended(
    spark: SparkSession, tmp_path: Path
) -> None:
    bad = "x,2024-01-31,Natal,RN,10.00"
    sources = write(tmp_path, a=HEADER + NATAL + bad + "\n", b=HEADER + "1,2\n")
    first = rows(spark_jobs.summarise(spark, sources, RULES, LocalFolder(tmp_path / "q")))

    assert [r.rejected for _, r in sorted(reports(first).items())] == [1, 1]
    assert list(quarantine.rows(LocalFolder(tmp_path / "q"))) == [
        {"file": "a.csv", "reason": "cnpj: malformed", "raw": bad},
        {"file": "b.csv", "reason": "row: wrong number of columns", "raw": "1,2"},
    ]

    sources = write(tmp_path, a=HEADER + NATAL)
    rows(spark_jobs.summarise(spark, sources, RULES, LocalFolder(tmp_path / "q")))

    assert [row["file"] for row in quarantine.rows(LocalFolder(tmp_path / "q"))] == ["b.csv"]


def test_strict_rules_reach_the_executors(spark: SparkSession, tmp_path: Path) -> None:
    sources = write(tmp_path, a=HEADER + NATAL + RECIFE)
    strict = Rules(RULES.now, strict=True)

    result = rows(spark_jobs.summarise(spark, sources, strict, LocalFolder(tmp_path / "q")))

    assert reports(result)[0].rejected == 1
    assert [row["reason"] for row in quarantine.rows(LocalFolder(tmp_path / "q"))] == [
        "cnpj: wrong check digits"
    ]


def held(*ids: int) -> dict[str, bytes]:
    return ledger.pack(ledger.from_ids(np.array(ids, dtype=np.uint64)))


def test_of_a_file_with_a_retraction_only_that_comes_and_negative(
    spark: SparkSession, tmp_path: Path
) -> None:
    (first,) = write(tmp_path, a=HEADER + NATAL + RECIFE + NATAL_TOO + RECIFE + "bad\n" + NATAL + NATAL)
    retraction = Retraction(
        held(company(11222333), company(5)), held(company(22333444), company(11222333))
    )
    again = source(location(first), 3, retraction)
    quarantine.write(LocalFolder(tmp_path / "q"), "a.csv", [("as", "it was")])

    result = rows(spark_jobs.summarise(spark, [again], RULES, LocalFolder(tmp_path / "q")))

    assert reports(result) == {3: Report("read")}
    assert companies(result, 3) == set()
    assert places(result, 3) == [
        ("Natal", "RN", "2024-01", 1, Decimal("-30.00"), -3),
        ("Recife", "PE", "2024-01", 1, Decimal("-0.50"), -1),
    ]
    assert [row["raw"] for row in quarantine.rows(LocalFolder(tmp_path / "q"))] == ["it was"]


def test_without_what_is_retracted_a_place_may_be_none(spark: SparkSession, tmp_path: Path) -> None:
    (first,) = write(tmp_path, a=HEADER + NATAL + RECIFE)
    again = source(location(first), 0, Retraction(held(company(11222333)), {}))

    both = [
        spark_jobs.summarise(spark, [one], RULES, LocalFolder(tmp_path / "q")) for one in (first, again)
    ]

    assert added_up(both[0].union(both[1]).transform(spark_jobs.aggregate)) == {
        ("Recife", "PE", "2024-01", 1): (Decimal("0.50"), 1)
    }


def test_a_file_that_can_not_be_read_is_reported_and_the_others_are_read(
    spark: SparkSession, tmp_path: Path
) -> None:
    good, empty, gone, touched, grown = write(
        tmp_path, **{name: HEADER + NATAL for name in ("good", "empty", "gone", "touched", "grown")}
    )
    location(empty).write_text("")
    empty = source(location(empty), 1)
    location(gone).unlink()
    os.utime(location(touched), ns=(0, 5))
    with location(grown).open("a") as writer:
        writer.write(RECIFE)
    (tmp_path / "directory.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("good.csv")
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "plain").write_text("")
    under = Source(8, File(1, "plain/under.csv", 1), Directory(tmp_path))
    others = [
        source(tmp_path / name, n)
        for n, name in enumerate(("directory.csv", "link.csv", "broken.csv.gz"), 5)
    ]

    result = rows(
        spark_jobs.summarise(
            spark,
            [good, empty, gone, touched, grown, *others, under],
            RULES,
            LocalFolder(tmp_path / "q"),
        )
    )

    read = reports(result)
    broken = read.pop(7)
    under_report = read.pop(8)
    assert read == {
        0: Report("read", read=1),
        1: Report("rejected", reason="empty file"),
        2: Report("changed"),
        3: Report("changed"),
        4: Report("changed"),
        5: Report("rejected", reason="not a file: a directory"),
        6: Report("rejected", reason="not a file: a symbolic link"),
    }
    assert (broken.outcome, str(broken.reason)[:13]) == ("rejected", "broken gzip: ")
    assert under_report == Report("unreadable", reason="Not a directory")
    assert {row["file"] for row in result if row["cidade"] or row["block"]} == {0}


def test_a_file_rejected_as_a_whole_has_no_rejected_rows_left_from_before(
    spark: SparkSession, tmp_path: Path
) -> None:
    quarantine.write(LocalFolder(tmp_path / "q"), "a.csv", [("from", "before")])

    result = rows(
        spark_jobs.summarise(spark, write(tmp_path, a="x\n"), RULES, LocalFolder(tmp_path / "q"))
    )

    assert reports(result)[0].outcome == "rejected"
    assert list(quarantine.rows(LocalFolder(tmp_path / "q"))) == []


def test_names_of_files_may_be_no_utf8(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xe3.csv")
    path.write_text(HEADER + NATAL + "bad\n")

    result = rows(spark_jobs.summarise(spark, [source(path, 7)], RULES, LocalFolder(tmp_path / "q")))

    assert reports(result) == {7: Report("read", read=2, rejected=1)}
    assert [row["raw"] for row in quarantine.rows(LocalFolder(tmp_path / "q"), path.name)] == ["bad"]


def test_what_the_workers_yield_is_what_spark_is_told_to_expect(spark: SparkSession) -> None:
    empty = spark.createDataFrame([], spark_jobs.SUMMARIES)

    assert empty.toArrow().schema == result_tables.SCHEMA
