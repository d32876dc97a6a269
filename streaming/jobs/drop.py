"""The job `drop`: a file's way into the landing zone, whole and never over another."""

from pathlib import Path

from streaming.domain.results import Dropped
from streaming.landing import places
from streaming.settings import Settings

NAMED = 100  # files that an error names, at most


def drop(settings: Settings, source: Path, name: str | None = None) -> Dropped:
    """
    Copy a file into the landing zone, under its own name or another.

    Raises:
        EnvironmentRefused: the source cannot be read, the landing zone cannot be written, or the name
            is one that the service does not look at.
    """
    path, copied = places.zone(settings).drop(source, name)
    return Dropped(str(source), path, copied)


def source_file(directory: Path, name: str) -> Path:
    """
    Return the file of this name in a directory of files to be dropped; a link is none.

    Raises:
        FileNotFoundError: there is none; the message lists those that there are.
    """
    source = directory / name
    if source.is_symlink() or not source.is_file():
        names = sorted(path.name for path in directory.glob("*.[cC][sS][vV]*"))[:NAMED]
        raise FileNotFoundError(
            f"there is no file {name!r} in {directory}; there are: {', '.join(names)}"
        )
    return source
