"""benchmarks/growth.png: seconds over rows, files, and companies counted before."""

from pathlib import Path

import matplotlib

from benchmarks.results import Result, spread

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

FILE = "growth.png"
PANELS = {
    "growth-rows": ("Rows in the landing zone", "rows", True),
    "growth-files": ("Files in the landing zone", "files", True),
    "growth-companies": ("Companies counted before", "companies", False),
}
COLOUR = "#1f5fa8"
GREY = "#8a8a8a"


def draw(results: dict[str, Result], directory: Path) -> bool:
    """Draw what there is of it; return whether there is any."""
    names = [name for name in PANELS if name in results]
    if not names:
        return False
    figure, axes = pyplot.subplots(1, len(names), figsize=(4 * len(names), 3.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        _panel(axis, results[name], *PANELS[name])
    figure.tight_layout()
    figure.savefig(directory / FILE, dpi=150, metadata={"Software": None})
    pyplot.close(figure)
    return True


def _panel(axis: Axes, result: Result, title: str, unit: str, logarithmic: bool) -> None:
    """Draw medians as a line, minimum to maximum as bars; dotted is what grows as the sizes do."""
    sizes = [size for size, _ in result.medians()]
    medians, lows, highs = zip(*(spread(result.figures[str(size)]) for size in sizes), strict=True)
    below = [m - low for m, low in zip(medians, lows, strict=True)]
    above = [high - m for m, high in zip(medians, highs, strict=True)]
    axis.errorbar(sizes, medians, yerr=[below, above], marker="o", capsize=3, color=COLOUR)
    if logarithmic:
        axis.set_xscale("log")
        axis.set_yscale("log")
        linear = [medians[-1] * size / sizes[-1] for size in sizes]
        axis.plot(sizes, linear, linestyle=":", color=GREY, label="linear")
        axis.set_ylim(min(lows) / 2, max(highs) * 2)
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.legend(frameon=False, loc="upper left")
    else:
        axis.set_ylim(0, max(highs) * 1.3)
    axis.set_xticks(sizes, minor=False)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _short(size)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
    axis.set_title(title, fontsize=11)
    axis.set_xlabel(f"{unit}{' (logarithmic)' if logarithmic else ''}")
    axis.set_ylabel(f"seconds{' (logarithmic)' if logarithmic else ''}")
    axis.grid(alpha=0.25)


def _short(size: float) -> str:
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if size >= unit:
            return f"{size / unit:g}{name}"
    return f"{size:g}"
