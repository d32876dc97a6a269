"""
What a landing zone is able to do, whether it is a local directory or a prefix of an object store.

Nothing above `landing` knows which of the two it has: `places` makes the one that LANDING_ZONE names.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from streaming.domain.file import File

Open = Callable[[File], AbstractContextManager[int]]
"""Opens a file of a zone, as `Zone.opened` does."""


class Settling(Protocol):
    """Remembers what it saw of files, to decide when each is whole. Several threads may ask."""

    def settled(self, file: File) -> bool:
        """Return whether a file is whole, as far as this can be known."""
        ...


class Zone(Protocol):
    """
    A landing zone; its text names it for people, without credentials.

    Paths are relative to it, with `/` between their parts. A zone pickles without secrets: executors
    read files too, and bring credentials of their own.
    """

    def listing(self) -> list[File]:
        """
        Return the landed files that are ingested, in ingest order; not those of the archive.

        Raises:
            LandingZoneAway: it cannot be listed.
        """
        ...

    def reach(self) -> None:
        """Ask it for the first files of a listing; raises LandingZoneAway: it cannot be listed."""
        ...

    def others(self) -> list[str]:
        """Return the names of the files that are neither hidden nor ingested; raises LandingZoneAway."""
        ...

    def look(self, paths: Iterable[str]) -> dict[str, File]:
        """
        Return those of these files that exist, as they are now.

        Raises:
            EnvironmentRefused: they cannot be looked at.
        """
        ...

    def opened(self, file: File) -> AbstractContextManager[int]:
        """
        Yield a descriptor of a file, of just this version, from its first byte to the last.

        Raises:
            Changed: it is gone or another version, before the block or after it.
            FileRejected: it is not a file.
            OSError: it cannot be read.
        """
        ...

    def ahead(self, files: Iterable[File]) -> AbstractContextManager[Open]:
        """
        Yield what opens these files, in this order, as `opened` does.

        Where reading one means to fetch it, the next ones are fetched meanwhile, within bounds.
        """
        ...

    def drop(self, source: Path, name: str | None = None) -> tuple[str, bool]:
        """
        Copy a file into the zone, whole or not at all, and never over another.

        If the name is taken by the same content, nothing is copied; if by other content, the copy gets
        a new name.

        Returns:
            The path in the zone, and whether the file was copied.

        Raises:
            EnvironmentRefused: the source cannot be read, the zone cannot be written, or the service
                does not ingest files of this name.
        """
        ...

    def flush(self) -> None:
        """See that no power loss takes what landed; raises EnvironmentRefused: the disk fails."""
        ...

    def watched(self) -> Path | None:
        """Return the directory whose changes tell of landed files; None: none does."""
        ...

    def settling(self, seconds: float) -> Settling:
        """Return what decides when a file is whole: one that still changes is not (SETTLE_SECONDS)."""
        ...


class Folder(Protocol):
    """
    Text files that are replaced as a whole, as those of the quarantine; its text names it for people.

    Every method raises OSError where the folder cannot be read or written.
    """

    def names(self) -> list[str]:
        """Return the names of its files in order, with `/` between their parts; hidden ones are none."""
        ...

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a file; bytes that are not UTF-8 are replaced."""
        ...

    def replace(self, name: str, lines: Iterable[str]) -> None:
        """Write a file as a whole, in place of what has its name; readers see one or the other."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def flush(self) -> None:
        """See that no power loss takes what was written; raises EnvironmentRefused: the disk fails."""
        ...

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        ...
