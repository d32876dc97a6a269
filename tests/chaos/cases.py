"""All cases, in the order they are run."""

from tests.chaos import concurrency, kills, replies
from tests.chaos.world import Case

CASES: list[Case] = [
    *kills.CASES,
    *replies.CASES,
    *concurrency.CASES,
]
