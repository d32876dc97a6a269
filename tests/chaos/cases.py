"""All cases, in the order they are run."""

from tests.chaos import concurrency, disk, kills, redis_faults, replies, state
from tests.chaos.world import Case

CASES: list[Case] = [
    *kills.CASES,
    *replies.CASES,
    *concurrency.CASES,
    *state.CASES,
    *redis_faults.CASES,
    *disk.CASES,
]
