"""A landing zone that is a directory, of this machine or mounted."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streaming.domain.file import File
from streaming.errors import LandingZoneAway
from streaming.landing import dropping, local, opening
from streaming.landing.settling import Settling
from streaming.landing.zone import Open


@dataclass(frozen=True)
class Directory:
    """A landing zone in a directory; `zone.Zone` tells what its methods do."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[type["Directory"], tuple[Path]]:
        # Executors have a working directory of their own.
        return Directory, (self.path.absolute(),)

    def listing(self) -> list[File]:
        """See `Zone`."""
        return local.listing(self.path)

    def others(self) -> list[str]:
        """See `Zone`."""
        return local.not_ingestable(self.path)

    def reach(self) -> None:
        """See `Zone`."""
        try:
            os.scandir(self.path).close()  # the first entries are enough
        except OSError as error:
            raise LandingZoneAway(f"landing zone {self.path}: {error.strerror}") from None

    def look(self, paths: Iterable[str]) -> dict[str, File]:
        """See `Zone`."""
        files = ((path, local.stat_file(self.path, path)) for path in paths)
        return {path: file for path, file in files if file is not None}

    def opened(self, file: File) -> AbstractContextManager[int]:
        """See `Zone`."""
        return opening.opened(self.path / file.path, file.size, file.mtime)

    @contextmanager
    def ahead(self, files: Iterable[File]) -> Iterator[Open]:
        """See `Zone`."""
        yield self.opened

    def drop(self, source: Path, name: str | None = None) -> tuple[str, bool]:
        """See `Zone`."""
        return dropping.drop(source, self.path, name)

    def flush(self) -> None:
        """See `Zone`."""
        local.flush(self.path)

    def watched(self) -> Path:
        """See `Zone`."""
        return self.path

    def settling(self, seconds: float) -> Settling:
        """See `Zone`."""
        return Settling(self.path, seconds)
