"""Counts of what happens in the store, without prometheus-client: short commands use the store too."""

import threading
from collections import Counter

CONFLICTS = "conflicts"
REDIS_RETRIES = "redis_retries"

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def add(name: str) -> None:
    """Count one more."""
    with _lock:
        _counts[name] += 1


def count(name: str) -> int:
    """Return how many there were in this process."""
    return _counts[name]
