"""What one batch of random companies brings to the driver, and to Redis: the worst for the ledger."""

import time
from decimal import Decimal
from itertools import product

import numpy as np

from benchmarks.bench import Bench
from benchmarks.results import Result
from streaming.domain import ledger, municipalities
from streaming.domain.cells import BANDS, Cell, Increments, Sums
from streaming.domain.records import Commit, Record
from streaming.settings import load
from streaming.store import merge
from streaming.store.store import Store

AT = "2026-01-01T00:00:00.000000+00:00"
ROOTS = 100_000_000
MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]


def run(bench: Bench) -> list[Result]:
    """
    Decide and merge batches whose CNPJs have random roots, without Spark and without files.

    Each has companies in all municipalities and twelve months; neighbouring CNPJs take a hundredth.
    """
    store = Store(bench.arena.url, load(_env_file=None, redis_url=bench.arena.url))
    increments = _increments()
    figures: dict[str, dict[str, list[float]]] = {}
    for number, (files, rows) in product(range(1, bench.rounds + 1), bench.sizes.batches):
        batch = f"{files * rows:,} companies, {rows:,} a file"
        packed = [ledger.pack(_random(rows, seed)) for seed in range(files)]
        began = time.process_time()
        companies = [ledger.unpack(blocks) for blocks in packed]
        verdicts, grown = ledger.decide(companies, {})
        seconds = time.process_time() - began
        records = {
            f"novas-{order:05d}.csv": Record(
                rows, order, rows, verdict.new, rows - verdict.new, 0, "ingested", 1, AT, order=order
            )
            for order, verdict in enumerate(verdicts)
        }
        commit = Commit(0, AT, increments, grown, records)
        bench.arena.clear()
        store.merge(commit)
        for what, value in (
            ("blocks", sum(map(len, packed))),
            ("collected", sum(len(block) for blocks in packed for block in blocks.values()) / 1e6),
            ("decided", seconds),
            ("argument", len(merge.call(commit, store.key, {})[1]) / 1e6),
            ("script", bench.arena.longest_commit()),
        ):
            figures.setdefault(what, {}).setdefault(batch, []).append(value)
            bench.say(f"batches {number}/{bench.rounds} {batch}: {what} {value:,.4g}")
    return [
        Result("batch-blocks", "ledger blocks that the driver collects", figures["blocks"], unit="rows"),
        Result("batch-collected", "bytes of these blocks", figures["collected"], unit="MB"),
        Result("batch-decided", "CPU to unpack them and to decide", figures["decided"]),
        Result("batch-argument", "argument of the merge script", figures["argument"], unit="MB"),
        Result("batch-script", "Redis' time of this script (SLOWLOG)", figures["script"], unit="ms"),
    ]


def _random(rows: int, seed: int) -> ledger.Companies:
    """Return so many companies with random roots; some may be the same."""
    roots = np.random.default_rng(seed).integers(0, ROOTS, rows, dtype=np.uint64)
    return ledger.from_ids(ledger.of_numbers(roots * np.uint64(1_000_000) + np.uint64(100)))


def _increments() -> Increments:
    """Return sums of every municipality and month."""
    places = municipalities.every()
    months = [(month, BANDS[number % len(BANDS)]) for number, month in enumerate(MONTHS)]
    return {
        Cell(place.nome, place.uf, month, band): Sums(Decimal("12345.67"), 3)
        for place in places
        for month, band in months
    }
