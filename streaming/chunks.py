"""Sequences cut into pieces."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Sized(Protocol):
    """What has a size in bytes."""

    @property
    def size(self) -> int: ...  # noqa: D102


SizedT = TypeVar("SizedT", bound=Sized)


def batched(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most so many."""
    return (items[start : start + most] for start in range(0, len(items), most))


def batches(files: Iterable[SizedT], most_files: int, most_bytes: int) -> Iterator[list[SizedT]]:
    """Cut files, in order, into batches of bounded count and bytes; a larger file stands alone."""
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
