"""`make bench-smoke`: the whole way of `make bench` with little of everything; no times are asserted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.arena import SERVICE, Arena, Contender, Wrong
from benchmarks.data import Data, Features
from benchmarks.races import BATCH, DEDUP
from benchmarks.results import NAMES
from tests.harness import ROOT
from tests.spark.test_start import KEPT

pytestmark = pytest.mark.long

TARGETS = {
    "one file of 300 new companies, cold process": ["≤ 0.5 of plain batch"],
    "2 files of 1,000 rows, all new": ["≤ 0.6 of plain batch", "≤ 0.22 of dropDuplicates stream"],
    "the same under other names, every row a duplicate": ["≤ 0.6 of plain batch"],
    "2 files of 1,000 rows, 10 % repeated within and across files": ["≤ 0.9 of plain batch"],
    "5 files of 100 rows": ["≤ 0.8 of plain batch"],
    "nothing to do (one file, counted before)": ["≤ 0.15 of plain batch"],
    "always on, files of 100 rows, from rename to features in Redis: median of 5": ["≤ 0.18 s"],
    "always on, files of 100 rows, from rename to features in Redis: 99th percentile": ["≤ 0.4 s"],
    "always on, files of 100 rows, from rename to features in Redis: the first after the start": [
        "≤ 0.5 s"
    ],
    "Redis' time of one commit that touches all 5,571 municipalities (SLOWLOG)": ["≤ 60 ms"],
    "ledger of 2,000 neighbouring CNPJs in Redis": ["≤ 3 MB"],
    "ledger of 2,000 random CNPJs in Redis": ["≤ 30 MB"],
    "CPU of all processes for each million rows, two workers": ["≤ 1.11 of one worker"],
    "memory of all processes (peak of PSS) at 2,000 rows": ["≤ 1.15 of itself at 500 rows", "≤ 3 GB"],
}
DATA = Data(2, 200, repeats=0.1)


def test_all_is_measured_checked_and_reported(tmp_path: Path) -> None:
    outputs = [ROOT / "benchmarks" / name for name in ("results.json", "RESULTS.md", "growth.png")]
    before = [path.exists() and path.read_bytes() for path in outputs]
    kept = tmp_path / "kept"

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "--output", str(kept)],
        cwd=ROOT,
        env={**KEPT, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert done.returncode == 0, done.stderr  # so what each run left in Redis was right
    results = json.loads((kept / "results.json").read_text("utf-8"))
    assert tuple(results) == NAMES
    # The CPU of few rows is less than what two starts differ by.
    measured = (result for name, result in results.items() if name != "cores")
    figures = [values for result in measured for values in result["figures"].values()]
    assert all(len(values) == 1 and values[0] > 0 for values in figures)
    page = (kept / "RESULTS.md").read_text("utf-8")
    targets = page.partition("## Targets\n")[2].partition("## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in targets.splitlines() if line]
    assert [row[:2] for row in rows[2:]] == [[what, t] for what in TARGETS for t in TARGETS[what]]
    assert all(row[5] == "1" and row[6].startswith(("met", "**not met**")) for row in rows[2:])
    assert all(word in page for word in ("cores", "Java 1", "`make bench-smoke`", "growth.png"))
    assert (kept / "growth.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.exists() and path.read_bytes() for path in outputs] == before
    assert sorted(path.name for path in tmp_path.glob("bench-*")) == []


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    made = Arena(tmp_path_factory.mktemp("arena"))
    yield made
    made.close()


def left(arena: Arena, contender: Contender, features: Features) -> None:
    """Leave in Redis what a contender would."""
    arena.clear()
    client = arena.redis if contender is SERVICE else arena.others
    for key, (companies, capital) in features.items():
        if contender is SERVICE or "/" not in key:
            values = {"quantidade_empresas": companies, "capital_social_total": str(capital)}
            client.hset(key, mapping=values)


@pytest.mark.parametrize("contender", [SERVICE, BATCH, DEDUP], ids=lambda c: c.name)
def test_who_is_right_passes_and_who_is_wrong_in_one_place_does_not(
    arena: Arena, contender: Contender
) -> None:
    right = DATA.features(once=contender.once)
    city = next(iter(right))
    companies, capital = right[city]
    left(arena, contender, right)
    arena.check(contender, right)

    wrongs: list[Features] = [
        {**right, city: (companies + 1, capital)},
        {**right, city: (companies, capital + Decimal("0.01"))},
        {**right, "Nenhures": (1, Decimal(1))},
        {key: value for key, value in right.items() if key != city},
    ]
    for wrong in wrongs:
        left(arena, contender, wrong)
        with pytest.raises(Wrong, match="wrong in 1 places"):
            arena.check(contender, right)


@pytest.mark.parametrize(("contender", "passes"), [(SERVICE, False), (BATCH, False), (DEDUP, True)])
def test_only_who_counts_in_floats_may_be_off_by_what_they_can_not_tell(
    arena: Arena, contender: Contender, passes: bool
) -> None:
    right = DATA.features(once=contender.once)
    near = {key: (n, capital + Decimal("1e-11")) for key, (n, capital) in right.items()}
    left(arena, contender, near)

    if passes:
        arena.check(contender, right)
    else:
        with pytest.raises(Wrong):
            arena.check(contender, right)
