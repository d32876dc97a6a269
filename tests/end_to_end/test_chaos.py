"""Every fault of `make chaos`, a few times."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.chaos import table
from tests.chaos.cases import CASES
from tests.chaos.world import Case, World

SEED = 1
LONG = {
    *("kills", "redis-kills", "redis-paused", "runs-processes", "power"),
    *("store", "store-kills"),
}
"""Cases that kill or stop a process, or cut the power, again and again, and wait for the next one."""


@pytest.fixture
def world(tmp_path: Path, spark: SparkSession, case: Case) -> Iterator[World]:
    """A world of its own, on the Spark of all tests; an audit starts another one, so once is enough."""
    made = World(tmp_path, SEED, audited=case.name == "kills")
    yield made
    made.end()


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c.name, marks=[pytest.mark.long] if c.name in LONG else []) for c in CASES],
)
def test_redis_holds_what_plain_python_counts_after(case: Case, world: World) -> None:
    rows = case.run(world, case.quick)

    assert rows
    assert all(times and outcome for times, outcome in rows.values())


def test_lines_of_cases_that_were_not_run_stay_in_the_table(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n\n{table.BEGIN}\n{table.END}\n\nafter\n")
    old = [table.Line(f"{case} {n}", n, "well", case, "2026-01-01") for case in "ab" for n in (1, 2)]
    table.write(document, old, ["a", "b"], 1, "Valkey 9")
    new = table.Line("a 3", 3, "well", "a", "2026-01-02")

    table.write(document, [new], ["a", "b"], 2, "Valkey 9")

    text = document.read_text()
    assert text.startswith(f"before\n\n{table.BEGIN}\nLast run on ")
    assert text.endswith(f"{table.END}\n\nafter\n")
    assert [line for line in text.splitlines() if "| well |" in line] == [
        str(new),
        str(old[2]),
        str(old[3]),
    ]
