"""benchmarks/RESULTS.md, made of what was measured."""

from pathlib import Path

from benchmarks import plot
from benchmarks.arena import OURS
from benchmarks.results import Origin, Result, load, spread
from benchmarks.slopes import steps

FILE = "RESULTS.md"
INTRO = """# What it costs

Written by `make bench`; the figures are in `results.json`. Whole processes on one machine, from start to
end, in turn, round by round; a first round of each race is not counted. Ratios are those of the rounds,
one by one: they hold where seconds do not. After each run what it left in Redis is compared with what is
in the files, city by city, to the cent (to a billionth where floats are counted), for the others as for
the service. Who is fast and wrong has not won.
"""
GROWTH = """Medians. The slope is that of a line through two neighbouring points on logarithmic axes:
0 is constant (up to 0.1), 1 linear (0.9 to 1.1). Most of the small sizes is the start of a process.
"""


def write(results: dict[str, Result], directory: Path) -> None:
    """Write the page and its picture."""
    parts = [INTRO, "## Where\n", _origins(results), "## Targets\n", _targets(results)]
    if plot.draw(results, directory):
        parts += ["## Growth\n", f"![Seconds by size]({plot.FILE})\n", _growth(results), GROWTH]
    parts += ["## All figures\n", _figures(results)]
    (directory / FILE).write_text("\n".join(parts), "utf-8")


def _origins(results: dict[str, Result]) -> str:
    """Return a paragraph for each origin: there are several where not all was measured at once."""
    measured: dict[Origin, list[str]] = {}
    for result in results.values():
        measured.setdefault(result.origin, []).append(result.name)
    lines = []
    for origin, names in measured.items():
        which = "Everything" if len(measured) == 1 else ", ".join(names)
        lines.append(
            f"{which}: {origin.date}, commit {origin.commit}, `{origin.command}`.\n"
            f"{origin.machine}.\n{origin.software}.\n"
        )
    return "\n".join(lines)


def _targets(results: dict[str, Result]) -> str:
    rows = []
    for result in results.values():
        for other, most in result.targets.items():
            if other == OURS:
                values, target = result.figures[OURS], f"≤ {most:g} {result.unit}"
            else:
                values, target = result.ratios(OURS, other), f"≤ {most:g} of {other}"
            middle, *ends = spread(values)
            met = "met" if middle <= most else f"**not met**, by {middle / most - 1:.0%}"
            rows.append([result.what, target, *_numbers(middle, *ends), str(len(values)), met])
    return table(["workload", "target", "median", "min", "max", "pairs", ""], rows)


def _growth(results: dict[str, Result]) -> str:
    rows = []
    for result in results.values():
        if result.name.startswith("growth-"):
            for step in steps(result):
                sizes = f"{step.size:,} → {step.larger:,}"
                values = f"{step.value:.3g} → {step.other:.3g} {result.unit}"
                slope = "" if step.slope is None else f"{step.slope:.2f}"
                rows.append([result.what, sizes, values, f"{step.times:.2f}", slope, step.reads])
    return table(["by", "size", "median", "times", "slope", ""], rows)


def _figures(results: dict[str, Result]) -> str:
    rows = []
    for result in results.values():
        for name, values in result.figures.items():
            who = f"{int(name):,}" if name.isdecimal() else name
            numbers = _numbers(*spread(values))
            rows.append([result.what, who, *numbers, result.unit, str(len(values))])
    return table(["workload", "what", "median", "min", "max", "unit", "times"], rows)


def _numbers(*values: float) -> list[str]:
    return [f"{value:.3g}" for value in values]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    here = Path(__file__).parent
    write(load(here), here)
