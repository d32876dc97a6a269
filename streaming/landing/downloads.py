"""
Brings objects here, whole, for a reader that wants a file: one request each, of just one version.

An object is kept in memory (memfd) if it is small, else in a file without a name in TMPDIR. Both are
gone when they are closed, also by a kill.
"""

import errno
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError

from streaming.domain.file import File
from streaming.landing import objects
from streaming.landing.objects import Store
from streaming.landing.opening import Changed
from streaming.landing.zone import Open

if TYPE_CHECKING:
    from obstore import ObjectMeta

IN_MEMORY = 64 * 1024 * 1024
AT_ONCE = 8
AHEAD_FILES, AHEAD_BYTES = 128, IN_MEMORY
PIECE = 1024 * 1024

AsFile = Callable[["ObjectMeta"], File]


def download(store: Store, file: File, as_file: AsFile) -> int:
    """
    Return a descriptor, at its first byte, of the content of just this version of an object.

    Raises:
        Changed: it is gone, or another version.
        OSError: it cannot be read, or its content is not as long as it should be.
    """
    descriptor = _unnamed(file)
    try:
        _fill(descriptor, store, file, as_file)
        if os.fstat(descriptor).st_size != file.size:
            raise OSError(errno.EIO, "the object came shorter or longer than it is", file.path)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def opened(fetch: Callable[[File], int], file: File) -> Iterator[int]:
    """Yield what `fetch` brings, and close it; raises as `fetch`."""
    descriptor = fetch(file)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def ahead(fetch: Callable[[File], int], files: Iterable[File]) -> Iterator[Open]:
    """
    Yield what opens these files, in this order; the next ones are fetched meanwhile, several at once.

    At most 128 files, or 64 MB (or one larger file), are in hand or on their way.
    """
    remaining = deque(dict.fromkeys(files))
    coming: dict[File, Future[int]] = {}
    pool = ThreadPoolExecutor(AT_ONCE)

    def submit() -> None:
        size = sum(file.size for file in coming)
        while remaining and len(coming) < AHEAD_FILES:
            size += remaining[0].size
            if coming and size > AHEAD_BYTES:
                return
            file = remaining.popleft()
            coming[file] = pool.submit(fetch, file)

    def come(file: File) -> int:
        if (future := coming.pop(file, None)) is None:
            if file in remaining:  # opened before its turn
                remaining.remove(file)
            return fetch(file)
        submit()
        return future.result()

    try:
        submit()
        yield lambda file: opened(come, file)
    finally:
        pool.shutdown(cancel_futures=True)
        for future in coming.values():
            if not future.cancelled() and future.exception() is None:
                os.close(future.result())


def _unnamed(file: File) -> int:
    if file.size <= IN_MEMORY:
        return os.memfd_create("landed", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())


def _fill(descriptor: int, store: Store, file: File, as_file: AsFile) -> None:
    with open(descriptor, "wb", closefd=False) as writer, objects.as_os_error(file.path):
        try:
            answer = store.get(file.path, options={"if_match": f'"{file.tag}"'})
            if as_file(answer.meta) != file:
                raise Changed
            # A body that is cut is resumed by obstore, with the same condition.
            for piece in answer.stream(min_chunk_size=PIECE):
                writer.write(piece)
        except (BaseError, FileNotFoundError) as error:
            if (
                isinstance(error, FileNotFoundError)
                or objects.status_of(error) in objects.GONE_OR_ANOTHER
            ):
                raise Changed from None
            raise
