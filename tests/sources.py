"""Files as executors are told of them."""

from collections.abc import Iterable
from pathlib import Path

from streaming.domain.file import File
from streaming.landing.directory import Directory
from streaming.reading.messages import Retraction, Source


def source(path: Path, number: int = 0, retraction: Retraction | None = None) -> Source:
    """Return a file as it is now."""
    status = path.lstat()
    file = File(status.st_mtime_ns, path.name, status.st_size)
    return Source(number, file, Directory(path.parent), retraction)


def location(source: Source) -> Path:
    """Return where a file of a directory is."""
    assert isinstance(source.zone, Directory)
    return source.zone.path / source.file.path


def laid(directory: Path, contents: Iterable[str | bytes]) -> list[Source]:
    """Write these contents to files f0.csv, f1.csv … and return them; what is gzip gets .gz."""
    directory.mkdir(exist_ok=True)
    sources = []
    for number, content in enumerate(contents):
        data = content.encode() if isinstance(content, str) else content
        path = directory / f"f{number}.csv{'.gz' if data[:2] == bytes([31, 139]) else ''}"
        path.write_bytes(data)
        sources.append(source(path, number))
    return sources
