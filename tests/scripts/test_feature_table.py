"""The tables of docs/features.md are those of the catalogue."""

from pathlib import Path

import pytest

from scripts import feature_table
from streaming.domain import catalogue


def test_the_document_has_the_tables_of_the_catalogue() -> None:
    text = feature_table.DOCUMENT.read_text("utf-8")
    written = text.partition(feature_table.BEGIN)[2].partition(feature_table.END)[0]
    assert written.strip() == feature_table.text(), "python scripts/feature_table.py writes them"


def test_the_tables_are_written_between_the_markers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = tmp_path / "features.md"
    document.write_text(f"a\n{feature_table.BEGIN}\nold\n{feature_table.END}\nb\n", "utf-8")
    monkeypatch.setattr(feature_table, "DOCUMENT", document)
    for _ in range(2):
        feature_table.main()
        tables = f"{feature_table.BEGIN}\n{feature_table.text()}\n{feature_table.END}"
        assert document.read_text("utf-8") == f"a\n{tables}\nb\n"


def test_each_group_and_ranking_has_rows() -> None:
    keys = {group.key for group in catalogue.GROUPS} | {ranking.key for ranking in catalogue.RANKINGS}
    assert {row.key for row in feature_table.rows()} == keys
