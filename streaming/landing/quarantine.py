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
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import chain
from pathlib import Path
from uuid import uuid4

from streaming.errors import EnvironmentRefused, mending

UTF8 = "utf-8"
NAME_BYTES = 200


def write(quarantine_dir: Path, file: str, rows: Iterable[tuple[str, str]], encoding: str = UTF8) -> int:
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
        return _write(quarantine_dir, file, lines)
    except OSError as error:
        raise EnvironmentRefused(
            f"quarantine {quarantine_dir} cannot be written: {error.strerror}; "
            f"nothing was counted: {mending(error, 'make it writable')} or set QUARANTINE, "
            "then run again"
        ) from None


def _write(quarantine_dir: Path, file: str, rows: Iterable[dict[str, str]]) -> int:
    target = _path(quarantine_dir, file)
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        with suppress(OSError):  # no row is lost: at worst old ones stay
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
        with suppress(OSError):  # the error that matters is raised already
            hidden.unlink()
    return count


def rows(quarantine_dir: Path, file: str | None = None) -> Iterator[dict[str, str]]:
    """
    Yield the rejected rows of all files in order, or of one file and its namesakes in the archive.

    Raises:
        EnvironmentRefused: the quarantine cannot be read.
    """
    if not os.access(quarantine_dir, os.R_OK | os.X_OK) and os.path.lexists(quarantine_dir):
        raise EnvironmentRefused(
            f"quarantine {quarantine_dir} cannot be read: make it readable, then try again"
        )
    paths = _all(quarantine_dir)
    if file is not None:
        exact = _path(quarantine_dir, file)
        paths = [p for p in paths if p == exact or ("/" not in file and p.name == exact.name)]
    for path in paths:
        try:
            yield from _rows(path)
        except OSError as error:
            raise EnvironmentRefused(
                f"{path} cannot be read: {error.strerror}; make it readable or delete it"
            ) from None


def has(quarantine_dir: Path, file: str) -> bool:
    """Return whether a file has rejected rows."""
    return _path(quarantine_dir, file).exists()


def rename(quarantine_dir: Path, file: str, new: str) -> None:
    """Move the rejected rows of a file to its new name; raises OSError: they cannot be written."""
    before = _path(quarantine_dir, file)
    if before.exists():
        _write(quarantine_dir, new, ({**row, "file": new} for row in _rows(before)))
        before.unlink(missing_ok=True)


def keep(quarantine_dir: Path, files: Iterable[str]) -> None:
    """Remove the rejected rows of all files except these."""
    kept = {_path(quarantine_dir, file) for file in files}
    for path in _all(quarantine_dir):
        if path not in kept:
            path.unlink(missing_ok=True)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a JSON lines file; raises OSError, also for a line that is no rejected row."""
    with path.open(encoding="utf-8", errors="replace") as reader:
        for number, line in enumerate(reader, 1):
            try:
                row = json.loads(line)
                row["file"], row["reason"], row["raw"]
            except (ValueError, TypeError, KeyError):
                raise OSError(errno.EINVAL, f"line {number} is not a rejected row", str(path)) from None
            yield row


def _all(quarantine_dir: Path) -> list[Path]:
    return sorted(path for path in quarantine_dir.rglob("*.jsonl") if not path.name.startswith("."))


def _path(quarantine_dir: Path, file: str) -> Path:
    parent, _, name = file.rpartition("/")
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > NAME_BYTES:
        short = encoded[: NAME_BYTES - 20].decode("utf-8", "ignore")
        name = f"{short}-{sha256(encoded).hexdigest()[:12]}"
    return quarantine_dir / parent / f"{name}.jsonl"
