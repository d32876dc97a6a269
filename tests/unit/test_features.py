"""Spark: files to summaries, summaries to sums per place; no service needed."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pyspark.sql import SparkSession

from streaming import features, ledger, quarantine
from streaming.sources import Report, Rules, Source

RULES = Rules(datetime(2026, 11, 24, tzinfo=UTC))
HEADER = "cnpj,data_abertura,cidade,estado,capital_social"


def source(number: int, path: Path, leave_out: dict[str, bytes] | None = None) -> Source:
    status = path.lstat()
    return Source(number, path.name, str(path), status.st_size, status.st_mtime_ns, leave_out)


def test_files_become_places_companies_and_a_report(spark: SparkSession, tmp_path: Path) -> None:
    good, bad, empty = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "empty.csv"
    good.write_text(f"{HEADER}\n11222333000181,2025-01-01,Bom Jesus,PI,0.10\n")
    bad.write_text(f"{HEADER},x\n11222333000181,2025-01-01,Bom Jesus,RS,0.20,x\nrow,of,nothing,x,y,z\n")
    empty.touch()
    gone = Source(3, "gone.csv", str(tmp_path / "gone.csv"), 1, 1)
    files = [*(source(n, p) for n, p in enumerate((good, bad, empty))), gone]
    rows = features.summarise(spark, files, RULES, tmp_path / "_quarantine").collect()
    assert {r.file: Report(**json.loads(r.report)) for r in rows if r.report} == {
        0: Report("read", 1, 0, 0),
        1: Report("read", 2, 1, 0, ["x"]),
        2: Report("rejected", reason="empty file"),
        3: Report("changed"),
    }
    assert {tuple(r)[0:1] + tuple(r)[4:] for r in rows if r.cidade} == {
        (0, "Bom Jesus", "PI", Decimal("0.10"), 1),
        (1, "Bom Jesus", "RS", Decimal("0.20"), 1),
    }
    blocks = [
        (r.file, ledger.size(ledger.unpack({r.block: bytes(r.companies)}))) for r in rows if r.block
    ]
    assert sorted(blocks) == [(0, 1), (1, 1)]
    assert list(quarantine.rows(tmp_path / "_quarantine")) == [
        {"file": "bad.csv", "reason": "cnpj: malformed", "raw": "row,of,nothing,x,y,z"}
    ]


def test_companies_left_out_are_not_in_the_places(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ["11222333000181,2025-01-01,A,SP,1.00", "11222334000100,2025-01-01,A,SP,2.00"]
    path.write_text("\n".join([HEADER, *rows]))
    summaries = features.summarise(spark, [source(0, path)], RULES, tmp_path)
    blocks = {r.block: bytes(r.companies) for r in summaries.collect() if r.block}
    none = features.summarise(spark, [source(0, path, blocks)], RULES, tmp_path)
    assert features.aggregate(none).collect() == []


def test_sums_are_exact_over_files_and_spellings(spark: SparkSession) -> None:
    big = Decimal("99999999999999999.99")
    rows = [
        (0, None, None, None, "São Paulo", "SP", big, 3),
        (1, None, None, None, "São Paulo", "SP", Decimal("0.01"), 1),
        (1, None, None, None, "Bom Jesus", "PI", Decimal("0.10"), 1),
        (1, None, None, None, "Bom Jesus", "RS", Decimal("0.20"), 1),
        (1, "{}", None, None, None, None, None, None),
        (1, None, "0", b"", None, None, None, None),
    ]
    total = features.aggregate(spark.createDataFrame(rows, features.SUMMARIES))
    assert {tuple(r) for r in total.collect()} == {
        ("São Paulo", "SP", Decimal("100000000000000000.00"), 4),
        ("Bom Jesus", "PI", Decimal("0.10"), 1),
        ("Bom Jesus", "RS", Decimal("0.20"), 1),
    }
