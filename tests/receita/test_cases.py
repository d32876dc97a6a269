"""Sixteen cases that readers of these files got wrong, each with its right rows and counts."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from streaming.receita.dates import Interval
from tests.harness import ROOT
from tests.receita.files import Result, read

CASES = sorted((ROOT / "tests" / "data" / "receita").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_rows_and_counts(case: Path, tmp_path: Path) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    shutil.copytree(case, tmp_path / "files")
    since, until = (date.fromisoformat(expected[name]) for name in ("desde", "ate"))

    result = read(
        tmp_path / "files", Interval(since, until, date(2026, 8, 8)), branches=expected["filiais"]
    )

    assert result == Result([tuple(row) for row in expected["rows"]], expected["counts"])


def test_there_are_sixteen_cases() -> None:
    assert len(CASES) == 16
