"""Durations as people type them."""

import re
from datetime import timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse(text: str) -> timedelta:
    """Return a duration such as 90s, 30m, 2h or 1d; raises BadParameter for another text."""
    parts = re.fullmatch(r"(\d{1,9})([smhd])", text.strip(), re.ASCII)
    if parts is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 90s, 30m, 2h or 1d")
    return timedelta(**{UNITS[parts[2]]: int(parts[1])})
