"""A file of the landing zone, as a value."""

from typing import NamedTuple


class File(NamedTuple):
    """
    A file as it was looked at; its identity is all of it.

    Sorts in ingest order: oldest first, then by path. `path` is relative to the landing zone,
    `size` in bytes, `mtime` in nanoseconds since 1970. `tag` is the ETag of an object, without quotes,
    and empty for a file of a directory: two objects put within a second differ in nothing else.
    """

    mtime: int
    path: str
    size: int
    tag: str = ""
