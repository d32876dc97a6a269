"""Text files in a directory, each replaced as a whole."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from streaming.landing import local


@dataclass(frozen=True)
class LocalFolder:
    """A folder in a directory; `zone.Folder` tells what its methods do."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[type["LocalFolder"], tuple[Path]]:
        return LocalFolder, (self.path.absolute(),)  # executors have a working directory of their own

    def names(self) -> list[str]:
        """See `Folder`."""
        if not os.path.lexists(self.path):
            return []
        os.scandir(self.path).close()  # glob leaves out what it cannot read
        paths = sorted(path for path in self.path.rglob("*") if path.is_file())
        return [path.relative_to(self.path).as_posix() for path in paths if path.name[0] != "."]

    def lines(self, name: str) -> Iterator[str]:
        """See `Folder`."""
        with (self.path / name).open(encoding="utf-8", errors="replace") as reader:
            yield from reader

    def replace(self, name: str, lines: Iterable[str]) -> None:
        """See `Folder`."""
        target = self.path / name
        hidden = target.with_name(f".{uuid4().hex}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with hidden.open("x", encoding="utf-8", errors="backslashreplace") as writer:
                writer.writelines(lines)
            hidden.replace(target)
        finally:
            with suppress(OSError):  # the error that matters is raised already
                hidden.unlink()

    def remove(self, name: str) -> None:
        """See `Folder`."""
        (self.path / name).unlink(missing_ok=True)

    def flush(self) -> None:
        """See `Folder`."""
        local.flush(self.path)

    def has(self, name: str) -> bool:
        """See `Folder`."""
        return (self.path / name).exists()
