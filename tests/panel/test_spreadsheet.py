"""Cells of the files for spreadsheets."""

from decimal import Decimal

import pytest

from streaming.panel import spreadsheet


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+55", "'+55"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'<09>=1"),
        ("\r=1", "'<0D>=1"),
        (" =1", "' =1"),
        ("Natal/RN", "Natal/RN"),
        (Decimal("-1234.50"), "-1234,50"),
        (0.125, "0,125"),
        (7, "7"),
        (None, ""),
    ],
)
def test_no_cell_of_a_spreadsheet_is_a_formula(value: object, text: str) -> None:
    assert spreadsheet.cell(value) == text
