"""Text files in an object store, each replaced as a whole."""

import codecs
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from streaming.landing import objects
from streaming.landing.bucket import Bucket
from streaming.landing.names import is_hidden

PIECE = 1024 * 1024


@dataclass(frozen=True)
class BucketFolder:
    """A folder inside a bucket's prefix; `zone.Folder` tells what its methods do."""

    bucket: Bucket
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.prefix}".rstrip("/")

    def names(self) -> list[str]:
        """See `Folder`."""
        with objects.as_os_error(str(self)):
            metas = self.bucket.store.list(self.prefix or None, chunk_size=1000).collect()
        start = len(self._key(""))
        names = (o["path"][start:] for o in metas)
        return sorted(n for n in names if n and not is_hidden(n.rpartition("/")[2]))

    def lines(self, name: str) -> Iterator[str]:
        """See `Folder`; they are of one version, also if the file is replaced meanwhile."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        with objects.as_os_error(f"{self}/{name}"):
            answer = self.bucket.store.get(self._key(name))
            for piece in answer.stream(min_chunk_size=PIECE):
                *whole, rest = (rest + decoder.decode(bytes(piece))).split("\n")
                yield from (f"{line}\n" for line in whole)
        if rest := rest + decoder.decode(b"", final=True):
            yield rest

    def replace(self, name: str, lines: Iterable[str]) -> None:
        """See `Folder`."""
        with tempfile.TemporaryFile() as content:
            for line in lines:
                content.write(line.encode("utf-8", "backslashreplace"))
            content.seek(0)
            with objects.as_os_error(f"{self}/{name}"):
                self.bucket.store.put(self._key(name), content)

    def remove(self, name: str) -> None:
        """See `Folder`."""
        with suppress(FileNotFoundError), objects.as_os_error(f"{self}/{name}"):
            self.bucket.store.delete(self._key(name))

    def flush(self) -> None:
        """See `Folder`; an object is kept as soon as it is there."""

    def has(self, name: str) -> bool:
        """See `Folder`."""
        with suppress(FileNotFoundError), objects.as_os_error(f"{self}/{name}"):
            self.bucket.store.head(self._key(name))
            return True
        return False

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name
