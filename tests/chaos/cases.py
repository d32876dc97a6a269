"""All cases, in the order they are run."""

from tests.chaos import concurrency, disk, kills, power, redis_faults, replies, state, store
from tests.chaos.world import Case

CASES: list[Case] = [
    *kills.CASES,
    *replies.CASES,
    *concurrency.CASES,
    *state.CASES,
    *redis_faults.CASES,
    *disk.CASES,
    *power.CASES,
    *store.CASES,
]
