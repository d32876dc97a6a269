"""The rules about names of files: a name decides whether a file is ingested, and how it is read."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from streaming.errors import EnvironmentRefused

SUFFIXES = (".csv", ".csv.gz")
ARCHIVE = "_archive"
QUARANTINE = "_quarantine"
# Deflate packs at most 1032 times. Companies have distinct CNPJs, and never pack 200 times.
UNPACKED_BYTES = 64 * 1024 * 1024
UNPACKED_RATIO = 200


def is_ingestable(name: str) -> bool:
    """Return whether the service ingests files of this name; the case of letters does not matter."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_packed(name: str) -> bool:
    """Return whether a file of this name is a gzip file."""
    return name.lower().endswith(".gz")


def is_hidden(name: str) -> bool:
    """Return whether files of this name are ignored, as those still being written are."""
    return name.startswith((".", "_"))


def split_suffix(name: str) -> tuple[str, str]:
    """Return an ingestable name without its suffix, and the suffix."""
    end = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(s))
    return name[: -len(end)], name[-len(end) :]


def is_archived(path: str) -> bool:
    """Return whether a path of the landing zone is in the archive."""
    return path.startswith(f"{ARCHIVE}/")


def dropped_as(source: Path, name: str | None) -> str:
    """Return the name under which a file is dropped; raises EnvironmentRefused: it is not ingested."""
    name = name or source.name
    if not is_ingestable(name) or Path(name).name != name:
        raise EnvironmentRefused(
            f"{name!r} would not be looked at: use --as with a plain name that ends in "
            ".csv or .csv.gz and does not begin with . or _"
        )
    return name


def free_names(name: str, digest: str) -> Iterator[str]:
    """Yield the names that a dropped file may get: its own, one of its content, then any."""
    yield name
    stem, suffix = split_suffix(name)
    # The first tag comes from the content: the same file, dropped again, finds its copy again.
    yield f"{stem}-{digest[:8]}{suffix}"
    while True:
        yield f"{stem}-{uuid4().hex[:8]}{suffix}"
