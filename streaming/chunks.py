"""
Cuts sequences into pieces: items for one command to Redis, files for one batch.

Both bounds keep what is in memory or in hand at once small.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Sized(Protocol):
    """Anything with a size in bytes."""

    @property
    def size(self) -> int: ...  # noqa: D102


SizedT = TypeVar("SizedT", bound=Sized)


def batched(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `most` items, as `itertools.batched` of Python 3.12 does."""
    return (items[start : start + most] for start in range(0, len(items), most))


def batches_by_size(files: Iterable[SizedT], most_files: int, most_bytes: int) -> Iterator[list[SizedT]]:
    """Cut files, in order, into batches of bounded count and bytes; a larger file is a batch alone."""
    batch: list[SizedT] = []
    size = 0
    for file in files:
        if batch and (len(batch) >= most_files or size + file.size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
