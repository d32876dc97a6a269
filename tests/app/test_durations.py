"""Durations as people type them."""

from datetime import timedelta

import pytest
import typer

from streaming.app import durations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        (" 1d ", timedelta(days=1)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_its_unit(text: str, expected: timedelta) -> None:
    assert durations.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "1.5h", "2 h", "2w", "1h30m", "٣h", "2H", "1" * 20 + "d"]
)
def test_another_text_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no duration such as 90s, 30m, 2h or 1d"):
        durations.parse(text)
