"""
Pieces of the published files that can be read side by side.

Each piece begins with a record, so the lines of a broken record are never in two pieces, and the same
records come out wherever a file is cut. A plain file is read where it is; a zip is unpacked as a stream
into a temporary directory, as is UTF-16, which becomes Latin-1.
"""

import codecs
import errno
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from threading import Event
from typing import IO

from streaming.errors import EnvironmentRefused, Stopped
from streaming.receita.layout import Layout
from streaming.receita.names import Part

SIZE = 32 * 1024 * 1024
CHUNK = 1024 * 1024
PART = 1 << 44
"""More bytes than a part has: `order` is the part's number times this, and the place in the part."""
DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What reading a zip raises: RuntimeError if it is encrypted, ValueError if it was changed meanwhile."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Piece:
    """
    Some lines of one part.

    Attributes:
        layout: of the lines.
        path: the file they are in.
        start: where they begin in it, in bytes.
        end: where they end.
        order: grows with the parts and inside them.
        name: of the part as published, for messages.
    """

    layout: Layout
    path: Path
    start: int
    end: int
    order: int
    name: str

    @property
    def is_first(self) -> bool:
        """Whether it begins its part, where a byte-order mark may be."""
        return self.order % PART == 0


class Pieces:
    """
    Cuts parts into pieces.

    Args:
        directory: for what has to be unpacked; emptied by the caller.
        report: is told how much is unpacked, from any thread.
        size: of a piece, about, in bytes.
    """

    def __init__(
        self, directory: Path, report: Callable[[str], None] = lambda _: None, size: int = SIZE
    ) -> None:
        self._directory = directory
        self._report = report
        self._size = size
        self._done = self._total = 0
        self._stopped = Event()

    def of(self, parts: Sequence[Part]) -> list[Piece]:
        """
        Return the pieces of these parts, and unpack those that need it, several at once.

        Raises:
            EnvironmentRefused: a file cannot be read, a zip is damaged or encrypted, or the temporary
                directory has no room.
            Stopped: `stop` was called.
        """
        self._total = self._require_room(parts)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            # The longest first: the others fill the gaps.
            numbered = sorted(enumerate(parts), key=lambda entry: -entry[1].size)
            futures = [pool.submit(self._pieces, number, part) for number, part in numbered]
            try:
                pieces = [piece for future in futures for piece in future.result()]
            except BaseException:
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return sorted(pieces, key=lambda piece: piece.order)

    def stop(self) -> None:
        """Have `of`, in whatever thread, end soon, with a Stopped."""
        self._stopped.set()

    def _require_room(self, parts: Sequence[Part]) -> int:
        needed = sum(part.size for part in parts if part.is_zipped)
        free = disk_usage(self._directory).free
        if needed > free:
            raise EnvironmentRefused(
                f"unpacking takes {needed / 1e9:.1f} GB, and {self._directory} has {free / 1e9:.1f} GB "
                "free; make room or set TMPDIR to another directory"
            )
        return needed

    def _add(self, unpacked: int) -> None:
        if self._stopped.is_set():
            raise Stopped("stopped while files were unpacked; nothing was dropped")
        self._done += unpacked
        self._report(f"unpacking: {self._done / 1e9:.1f} of {self._total / 1e9:.1f} GB")

    def _pieces(self, number: int, part: Part) -> list[Piece]:
        try:
            if part.is_zipped:
                with zipfile.ZipFile(part.path) as archive:
                    (member,) = (m for m in archive.infolist() if not m.is_dir())
                    with archive.open(member) as stream:
                        return list(self._unpacked(number, part, stream))
            with part.path.open("rb") as reader:
                if reader.read(2) in UTF_16:
                    reader.seek(0)
                    return list(self._unpacked(number, part, reader))
                return list(self._in_place(number, part, reader))
        except OSError as error:
            raise self._refused(part, error) from None
        except DAMAGES as error:
            raise EnvironmentRefused(
                f"{part.path} cannot be unpacked ({error}); download it again"
            ) from None

    def _refused(self, part: Part, error: OSError) -> EnvironmentRefused:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return EnvironmentRefused(
                f"no room in {self._directory} to unpack {part.path}; "
                "make room or set TMPDIR to another directory"
            )
        return EnvironmentRefused(f"{part.path} cannot be read: {error.strerror or error}")

    def _in_place(self, number: int, part: Part, reader: IO[bytes]) -> Iterator[Piece]:
        start = 0
        while start < part.size:
            end = part.size
            if start + self._size < part.size:
                end = _next_beginning(reader, start + self._size, part)
            yield Piece(part.layout, part.path.resolve(), start, end, number * PART + start, part.name)
            start = end

    def _unpacked(self, number: int, part: Part, stream: IO[bytes]) -> Iterator[Piece]:
        start, rest = 0, b""
        chunks = _latin_1(stream, self._add)
        is_ended = False
        while not is_ended:
            path = self._directory / f"{number:04d}-{start:015d}"
            with path.open("wb") as writer:
                size, is_ended = writer.write(rest), True
                for chunk in chunks:
                    cut = len(chunk)
                    if size + len(chunk) >= self._size:
                        cut = last_beginning(chunk, part.layout) or cut
                    size += writer.write(chunk if cut == len(chunk) else chunk[:cut])
                    if cut < len(chunk):
                        rest, is_ended = chunk[cut:], False
                        break
            if size:
                yield Piece(part.layout, path, 0, size, number * PART + start, part.name)
            start += size


def last_beginning(content: bytes, layout: Layout) -> int:
    """Return where the last line begins that begins like a record; 0 if only the first may."""
    end = len(content)
    while (line_end := content.rfind(b"\n", 0, end)) >= 0:
        if layout.beginning.match(content, line_end + 1):
            return line_end + 1
        end = line_end
    return 0


def _next_beginning(reader: IO[bytes], offset: int, part: Part) -> int:
    """Return where the first line at or after an offset begins that begins like a record."""
    reader.seek(offset - 1)
    offset += len(reader.readline()) - 1
    while offset < part.size:
        line = reader.readline()
        if part.layout.beginning.match(line):
            break
        offset += len(line)
    return offset


def _latin_1(stream: IO[bytes], report: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a stream in chunks; UTF-16 with its mark as Latin-1, where `?` is what Latin-1 has not."""
    chunk = stream.read(CHUNK)
    decoder = codecs.getincrementaldecoder("utf-16")("replace") if chunk[:2] in UTF_16 else None
    while chunk:
        report(len(chunk))
        yield decoder.decode(chunk).encode("latin-1", "replace") if decoder else chunk
        chunk = stream.read(CHUNK)
