"""What a million rows cost in CPU on one worker and on two: how little working side by side wastes."""

from benchmarks.arena import OURS
from benchmarks.bench import Bench
from benchmarks.data import Data
from benchmarks.results import Result

WORKERS = (1, 2)


def run(bench: Bench) -> list[Result]:
    """
    Return the CPU seconds of all processes for each million rows beyond the start.

    The start is what a run over one small file costs; the target is an efficiency of 0.9 on two workers.
    """
    sizes = bench.sizes
    small, large = Data(1, sizes.small_rows), Data(sizes.bulk_files, sizes.bulk_rows)
    millions = (large.files * large.rows - small.rows) / 1e6
    usual = bench.arena.environment["SPARK_MASTER"]
    figures: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    try:
        for number in range(1, bench.rounds + 1):
            for workers in WORKERS if number % 2 else reversed(WORKERS):
                bench.arena.environment["SPARK_MASTER"] = f"local[{workers}]"
                seconds = []
                for data in (small, large):
                    bench.arena.clear()
                    bench.land(data)
                    step = f"cores {number}/{bench.rounds} local[{workers}]"
                    seconds.append(bench.run(step, sampled=True).cpu)
                    bench.check([data])
                figures[workers].append((seconds[1] - seconds[0]) / millions)
                bench.say(
                    f"cores {number}/{bench.rounds} local[{workers}]: {figures[workers][-1]:.2f} s"
                )
    finally:
        bench.arena.environment["SPARK_MASTER"] = usual
    one, two = (figures[workers] for workers in WORKERS)
    what = "CPU of all processes for each million rows, two workers"
    return [Result("cores", what, {OURS: two, "one worker": one}, {"one worker": round(1 / 0.9, 2)})]
