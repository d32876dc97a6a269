"""The files of a batch: what they add up to, alone or together, and never more or less than is new."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from streaming.domain import ledger
from streaming.domain.cells import Cell
from streaming.domain.file import File
from streaming.errors import FileChanged, RunFailed
from streaming.landing.directory import Directory
from streaming.landing.local import stat_file
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline.batch import Batch
from streaming.reading.messages import Rules
from tests import oracle

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
NATAL = "11222333000181,2024-01-31,Natal,RN,10.00\n"
NATAL_TOO = "44555666000181,2024-01-31,  Natal ,RN,0.05\n"
RECIFE = "22333444000181,2024-01-31,Recife,PE,0.50\n"
RECIFE_COUNTED: ledger.Companies = ledger.from_ids(
    np.array([22333444 >> 16 << 37 | 1 << 16 | 22333444 & 0xFFFF], dtype=np.uint64)
)
IN_NATAL = Cell("Natal", "RN", "2024-01", "capital_ate_1000")
IN_RECIFE = IN_NATAL._replace(cidade="Recife", estado="PE")
BOTH = {IN_NATAL: (Decimal("10.05"), 2), IN_RECIFE: (Decimal("0.50"), 1)}


def land(directory: Path, name: str, rows: str) -> File:
    (directory / name).write_text(f"{oracle.HEADER}\n{rows}")
    file = stat_file(directory, name)
    assert file is not None
    return file


def batch(spark: SparkSession, directory: Path, *files: File) -> Batch:
    return Batch(spark, files, RULES, Directory(directory), LocalFolder(directory / "quarantine"))


ROWS = NATAL + RECIFE + NATAL_TOO + NATAL + "bad\n"


@pytest.mark.parametrize("alone", [True, False])
def test_what_repeats_and_what_was_counted_is_not_added(
    spark: SparkSession, tmp_path: Path, alone: bool
) -> None:
    files = [land(tmp_path, "a.csv", ROWS)]
    verdicts = {"a.csv": ledger.Verdict(3, {})}
    if not alone:  # a file that brings nothing adds nothing
        files.append(land(tmp_path, "b.csv", NATAL))
        verdicts["b.csv"] = ledger.Verdict(0, {})

    read = batch(spark, tmp_path, *files)

    assert read.increments(verdicts) == BOTH
    verdicts["a.csv"] = ledger.Verdict(2, RECIFE_COUNTED)
    assert read.increments(verdicts) == {IN_NATAL: BOTH[IN_NATAL]}
    read.close()


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("new", [2, 4])
def test_more_or_less_than_is_new_is_never_added(
    spark: SparkSession, tmp_path: Path, alone: bool, new: int
) -> None:
    files = [land(tmp_path, "a.csv", ROWS)]
    verdicts = {"a.csv": ledger.Verdict(new, {})}
    if not alone:
        files.append(land(tmp_path, "b.csv", ""))
        verdicts["b.csv"] = ledger.Verdict(0, {})
    read = batch(spark, tmp_path, *files)

    with pytest.raises(RunFailed, match=rf"^{new} companies are new, and 3 were added up; .*a\.csv"):
        read.increments(verdicts)
    read.close()


@pytest.mark.parametrize("alone", [True, False])
def test_a_file_that_changes_before_it_is_read_again_has_changed(
    spark: SparkSession, tmp_path: Path, alone: bool
) -> None:
    files = [land(tmp_path, "a.csv", ROWS)] + ([] if alone else [land(tmp_path, "b.csv", RECIFE)])
    read = batch(spark, tmp_path, *files)
    land(tmp_path, "a.csv", ROWS + RECIFE)

    with pytest.raises(FileChanged):
        read.increments({"a.csv": ledger.Verdict(3, {})})
    read.close()
