"""benchmarks/RESULTS.md, made of what was measured."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.arena import OURS
from benchmarks.results import Result, load, spread

PAGE = Path(__file__).parent / "RESULTS.md"
PLOT = Path(__file__).parent / "growth.png"
INTRO = """# What it costs

Written by `make bench`; the figures are in `results.json`. Whole processes on one machine, from start to
end, in turn, round by round; a first round is not counted. Ratios are those of the rounds, one by one:
they hold where seconds do not. After each run what it left in Redis is compared with what is
in the files, for the others as for the service: who is fast and wrong has not won.
"""


def write(results: dict[str, Result]) -> None:
    """Write the page."""
    parts = [INTRO, _machine(), "## Targets\n", _targets(results), "## Seconds\n", _seconds(results)]
    PAGE.write_text("\n".join(parts), "utf-8")


def _machine() -> str:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    names = ("pyspark", "duckdb", "pyarrow", "redis")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()}; Python "
        f"{platform.python_version()}, {versions}.\n"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _targets(results: dict[str, Result]) -> str:
    rows = []
    for result in results.values():
        for other, most in result.targets.items():
            if other == OURS:
                values, unit, per = result.figures[OURS], f" {result.unit}", ""
            else:
                values, unit, per = result.ratios(OURS, other), "", f" of {other}"
            middle, low, high = spread(values)
            met = "met" if middle <= most else f"**missed by {middle / most - 1:.0%}**"
            reached = f"{middle:.3g} ({low:.3g} to {high:.3g})"
            rows.append([result.what, f"≤ {most:g}{unit}{per}", reached, met, str(len(values))])
    return table(["workload", "target", "reached: median (min to max)", "", "n"], rows)


def _seconds(results: dict[str, Result]) -> str:
    rows = []
    for result in results.values():
        for name, values in result.figures.items():
            middle, low, high = spread(values)
            rows.append([result.what, name, f"{middle:.3g}", f"{low:.3g}", f"{high:.3g}", result.unit])
    return table(["workload", "what", "median", "min", "max", "unit"], rows)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    write(load())
