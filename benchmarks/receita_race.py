"""
Times `city-features receita` and polars in turn.

`python -m benchmarks.receita_race DIRECTORY PYTHON [ROUNDS]`, where `benchmarks.receita_data` has filled
DIRECTORY, and PYTHON is an interpreter with polars, which is no dependency of the project.

Polars reads the plain files, as it reads no zips: it scans both, takes the nine columns needed as text,
joins them by root (a left join), and collects. It checks, rejects, formats and writes nothing, takes
Latin-1 for damaged UTF-8 (`utf8-lossy`), and fills missing columns. The command reads the zips or the
plain files, and does all it does. Memory is that of all processes together (PSS).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).parents[1]
PEER = ROOT / "benchmarks" / "peers" / "polars_receita.py"
PAUSE = 0.2


def timed(command: Sequence[str], directory: Path) -> tuple[float, float]:
    """Run a command, and return its seconds and the most memory that its processes had, in MB."""
    started, most = time.monotonic(), 0.0
    process = psutil.Popen(
        command, cwd=directory, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    while process.poll() is None:
        most = max(most, _memory(process))
        time.sleep(PAUSE)
    if process.returncode:
        raise SystemExit(f"{command} exited with {process.returncode}")
    return time.monotonic() - started, most / 1e6


def _memory(process: psutil.Process) -> float:
    total = 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except psutil.Error:  # one ended meanwhile: the next sample has the others
        return 0.0
    return total


def main(data: Path, python: str, rounds: int) -> None:
    """Print the median of each, and how many times that of polars it is."""
    service = [sys.executable, "-m", "streaming", "receita"]
    month, everything = ["--desde", "2026-07-01"], ["--desde", "1900-01-01"]
    commands = {
        "polars, plain": [python, str(PEER), str(data / "plain")],
        "zip, a month": [*service, str(data / "zip"), *month],
        "plain, a month": [*service, str(data / "plain"), *month],
        "zip, everything": [*service, str(data / "zip"), *everything],
    }
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as directory:
                (Path(directory) / "landing_zone").mkdir()
                results[name].append(timed(command, Path(directory)))
    base = median(seconds for seconds, _ in results["polars, plain"])
    for name, runs in results.items():
        seconds, memory = median(run[0] for run in runs), max(run[1] for run in runs)
        print(f"{name:16} {seconds:6.1f} s  {seconds / base:4.1f} x  {memory:6.0f} MB")  # noqa: T201


if __name__ == "__main__":
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    main(Path(sys.argv[1]).absolute(), sys.argv[2], rounds)
