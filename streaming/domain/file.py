"""A file of the landing zone, as a value."""

from typing import NamedTuple


class File(NamedTuple):
    """
    A file as it was looked at; its identity is all of it.

    Sorts in ingest order: oldest first, then by path. `path` is relative to the landing zone,
    `size` in bytes, `mtime` in nanoseconds since 1970.
    """

    mtime: int
    path: str
    size: int
