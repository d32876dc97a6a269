"""Bad inputs, each with what it has to come to: `expected.toml`, `files/` and `generate.py`."""

import os
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.corpus.generate import MAKERS

HERE = Path(__file__).parent
Place = tuple[str, str, str, int]


@dataclass(frozen=True)
class Input:
    """One input and its accounting, as `expected.toml` describes them."""

    number: int
    name: str
    state: str
    make: str | None = None
    reason: str | None = None
    read: int = 0
    new: int = 0
    duplicates: int = 0
    rejected: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    def lay(self, directory: Path) -> Path:
        """Make it in a directory, and return its path."""
        path = directory / self.name
        if self.make is None:
            shutil.copyfile(HERE / "files" / self.name, path)
        else:
            MAKERS[self.make](path, self.number)
        return path


def inputs() -> list[Input]:
    """Return all inputs that can be made here."""
    available = []
    for number, entry in enumerate(tomllib.loads((HERE / "expected.toml").read_text())["input"]):
        if entry.pop("escaped", False):
            entry["name"] = os.fsdecode(unquote_to_bytes(entry["name"]))
        if entry.get("make") != "device" or os.geteuid() == 0:
            available.append(Input(number, **entry))
    return available


def features(places: Iterable[Place]) -> dict[str, tuple[str, str, str]]:
    """Return key → (total, companies, mean) of all places together."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    companies: dict[str, int] = defaultdict(int)
    for cidade, estado, total, count in places:
        for key in (cidade, f"{cidade}/{estado}"):
            totals[key] += Decimal(total)
            companies[key] += count
    cent = Decimal("0.01")
    return {
        key: (
            f"{total:.2f}",
            str(companies[key]),
            str((total / companies[key]).quantize(cent, ROUND_HALF_UP)),
        )
        for key, total in totals.items()
    }
