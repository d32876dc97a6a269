"""
Rejected rows, where a person finds them: one JSON lines file for each file that has any.

Each line is `{"file", "reason", "raw"}`, with `"encoding"` where that of the file is not UTF-8. The file
is replaced whole when its source is read again, so it always shows the latest reading, however often a
batch is repeated.

`raw.encode(encoding, "surrogateescape")` gives the bytes: one that its encoding does not know, as FF in
UTF-8, is the character DC00 + that byte, in JSON `\\udcff`.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from uuid import uuid4

from streaming.errors import EnvironmentRefused

UTF8 = "utf-8"
NAME_BYTES = 200


def write(directory: Path, file: str, rows: Iterable[tuple[str, str]], encoding: str = UTF8) -> int:
    """
    Replace the rejected rows (reason, raw line) of a file in this encoding; none removes what was there.

    A byte that the encoding does not know is a lone surrogate in the raw line.

    Returns:
        How many rows there were.
    """
    kept = {} if encoding == UTF8 else {"encoding": encoding}
    lines = ({"reason": reason, "raw": raw, **kept} for reason, raw in rows)
    try:
        return _write(directory, file, lines)
    except OSError as error:
        raise EnvironmentRefused(
            f"quarantine {directory} can not be written: {error.strerror}; "
            "nothing was counted. Make it writable or set QUARANTINE, then run again"
        ) from None


def _write(directory: Path, file: str, rows: Iterable[dict[str, str]]) -> int:
    target = _path(directory, file)
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        with suppress(OSError):  # nothing has to be written, so nothing stops: at most old rows stay
            target.unlink()
        return 0
    hidden = target.with_name(f".{uuid4().hex}")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with hidden.open("x", encoding="utf-8", errors="backslashreplace") as writer:
            for count, row in enumerate(chain([first], remaining), 1):  # noqa: B007  the count is used
                writer.write(json.dumps({"file": file, **row}, ensure_ascii=False) + "\n")
        hidden.replace(target)
    finally:
        with suppress(OSError):  # what went wrong is said already
            hidden.unlink()
    return count


def rows(directory: Path, file: str | None = None) -> Iterator[dict[str, str]]:
    """
    Yield the rejected rows of one file, and of its namesakes in the archive, or of all, in order.

    Raises:
        EnvironmentRefused: the directory may not be read.
    """
    if not os.access(directory, os.R_OK | os.X_OK) and os.path.lexists(directory):
        raise EnvironmentRefused(
            f"quarantine {directory} cannot be read: make it readable, then try again"
        )
    paths = _all(directory)
    if file is not None:
        exact = _path(directory, file)
        paths = [p for p in paths if p == exact or ("/" not in file and p.name == exact.name)]
    for path in paths:
        try:
            yield from _rows(path)
        except OSError as error:
            raise EnvironmentRefused(
                f"{path} cannot be read: {error.strerror}; make it readable or delete it"
            ) from None


def has(directory: Path, file: str) -> bool:
    """Return whether there are rejected rows of a file."""
    return _path(directory, file).exists()


def rename(directory: Path, file: str, new: str) -> None:
    """Let the rejected rows of a file be those of its new name; raises OSError: they can not be."""
    before = _path(directory, file)
    if before.exists():
        _write(directory, new, ({**row, "file": new} for row in _rows(before)))
        before.unlink(missing_ok=True)


def keep(directory: Path, files: Iterable[str]) -> None:
    """Remove the rejected rows of all files but these."""
    kept = {_path(directory, file) for file in files}
    for path in _all(directory):
        if path not in kept:
            path.unlink(missing_ok=True)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a file; raises OSError, also where a line is not ours, or cut."""
    with path.open(encoding="utf-8", errors="replace") as reader:
        for number, line in enumerate(reader, 1):
            try:
                row = json.loads(line)
                row["file"], row["reason"], row["raw"]
            except (ValueError, TypeError, KeyError):
                raise OSError(errno.EINVAL, f"line {number} is not a rejected row", str(path)) from None
            yield row


def _all(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*.jsonl") if not path.name.startswith("."))


def _path(directory: Path, file: str) -> Path:
    parent, _, name = file.rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > NAME_BYTES:
        short = encoded[: NAME_BYTES - 20].decode("utf-8", "ignore")
        name = f"{short}-{sha256(encoded).hexdigest()[:12]}"
    return directory / parent / f"{name}.jsonl"
