"""
Keeps rejected rows where a person finds them: one JSON lines file for each file that has any.

Each line is `{"file", "reason", "raw"}`, with `"encoding"` if that of the file is not UTF-8. The JSON
lines file is replaced as a whole when its source is read again. So it always shows the latest reading,
even if a batch is repeated.

`raw.encode(encoding, "surrogateescape")` gives the bytes. A byte that the encoding does not know, as FF
in UTF-8, is the character DC00 + that byte, in JSON `\\udcff`.
"""

import errno
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import chain

from streaming.errors import EnvironmentRefused, mending
from streaming.landing import copies
from streaming.landing.names import is_ingestable
from streaming.landing.zone import Folder

UTF8 = "utf-8"
NAME_BYTES = 200
SUFFIX = ".jsonl"
_SHORTENED = re.compile(r".{40,}-[0-9a-f]{12}", re.DOTALL)


def write(folder: Folder, file: str, rows: Iterable[tuple[str, str]], encoding: str = UTF8) -> int:
    """
    Replace the rejected rows (reason, raw line) of a file; without rows its JSON lines file is removed.

    In the raw line, a byte that the encoding does not know is a lone surrogate.

    Returns:
        How many rows were written.

    Raises:
        EnvironmentRefused: the quarantine cannot be written.
    """
    kept = {} if encoding == UTF8 else {"encoding": encoding}
    lines = ({"reason": reason, "raw": raw, **kept} for reason, raw in rows)
    try:
        return _write(folder, file, lines)
    except OSError as error:
        raise EnvironmentRefused(
            f"quarantine {folder} cannot be written: {error.strerror}; "
            f"nothing was counted: {mending(error, 'make it writable')} or set QUARANTINE, "
            "then run again"
        ) from None


def _write(folder: Folder, file: str, rows: Iterable[dict[str, str]]) -> int:
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        with suppress(OSError):  # no row is lost: at worst old ones stay
            folder.remove(_name(file))
        return 0
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        for count, row in enumerate(chain([first], remaining), 1):  # noqa: B007  the count is used
            yield json.dumps({"file": file, **row}, ensure_ascii=False) + "\n"

    folder.replace(_name(file), lines())
    return count


def rows(folder: Folder, file: str | None = None) -> Iterator[dict[str, str]]:
    """
    Yield the rejected rows of all files in order, or of one file and its namesakes in the archive.

    Raises:
        EnvironmentRefused: the quarantine cannot be read.
    """
    try:
        names = _all(folder)
    except OSError as error:
        raise EnvironmentRefused(
            f"quarantine {folder} cannot be read: {error.strerror}; make it readable, then try again"
        ) from None
    if file is not None:
        exact = _name(file)
        names = [n for n in names if n == exact or ("/" not in file and exact in _namesakes(n))]
    for name in names:
        try:
            yield from _rows(folder, name)
        except OSError as error:
            raise EnvironmentRefused(
                f"{folder}/{name} cannot be read: {error.strerror}; make it readable or delete it"
            ) from None


def has(folder: Folder, file: str) -> bool:
    """Return whether a file has rejected rows."""
    return folder.has(_name(file))


def rename(folder: Folder, names: Mapping[str, str]) -> dict[str, OSError]:
    """
    Move the rejected rows of files to their new names, also for a power loss.

    Returns:
        The files whose rows cannot be read or written, with the error; they keep their names.

    Raises:
        OSError: rows that were moved cannot be removed under their former name.
        EnvironmentRefused: the disk fails.
    """
    failed: dict[str, OSError] = {}
    moved = []
    for file, new in names.items():
        before = _name(file)
        try:
            if folder.has(before):
                _write(folder, new, ({**row, "file": new} for row in _rows(folder, before)))
                moved.append(before)
        except OSError as error:
            failed[file] = error
    if moved:
        folder.flush()
        for before in moved:
            folder.remove(before)
        folder.flush()
    return failed


def keep(folder: Folder, files: Iterable[str]) -> None:
    """Remove the rejected rows of all files except these."""
    kept = {_name(file) for file in files}
    for name in _all(folder):
        if name not in kept:
            folder.remove(name)


def _namesakes(name: str) -> set[str]:
    """Return the names that a JSON lines file had before its file was archived."""
    copy = copies.parse(name.removesuffix(SUFFIX))
    return {name.rpartition("/")[2], *([_name(copy.original)] if copy else [])}


def _rows(folder: Folder, name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a JSON lines file; raises OSError, also for a line that is no rejected row."""
    for number, line in enumerate(folder.lines(name), 1):
        try:
            row = json.loads(line)
            row["file"], row["reason"], row["raw"]
        except (ValueError, TypeError, KeyError):
            raise OSError(errno.EINVAL, f"line {number} is not a rejected row", name) from None
        yield row


def _all(folder: Folder) -> list[str]:
    return [name for name in folder.names() if _is_written_here(name)]


def _is_written_here(name: str) -> bool:
    """Return whether a file has such a name as `_name` gives: others may lie in the same folder."""
    file = name.rpartition("/")[2].removesuffix(SUFFIX)
    return name.endswith(SUFFIX) and (is_ingestable(file) or bool(_SHORTENED.fullmatch(file)))


def _name(file: str) -> str:
    parent, slash, name = file.rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > NAME_BYTES:
        short = encoded[: NAME_BYTES - 20].decode("utf-8", "ignore")
        name = f"{short}-{sha256(encoded).hexdigest()[:12]}"
    return f"{parent}{slash}{name}{SUFFIX}"
