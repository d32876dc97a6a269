"""Files that failed, or that may not be read: left alone until the next regular look at them."""

import math
import time
from collections.abc import Collection, Iterable

from streaming.domain.file import File
from streaming.domain.results import Outcome

STATES = ("failed", "unreadable")


class Aside:
    """
    When to read a file again that has no record because it could not be read.

    `seconds` is the pause; a run that does not follow tries no file twice.
    """

    def __init__(self) -> None:
        self.seconds = math.inf
        self._due: dict[File, float] = {}

    def is_due(self, file: File) -> bool:
        """Return whether to read a file now."""
        return time.monotonic() >= self._due.get(file, 0)

    def note(self, batch: Iterable[File], outcomes: Iterable[Outcome]) -> None:
        """Remember which files of a batch could not be read."""
        failed = {outcome.file for outcome in outcomes if outcome.state in STATES}
        for file in batch:
            if file.path in failed:
                self._due[file] = time.monotonic() + self.seconds
            else:
                self._due.pop(file, None)

    def keep(self, files: Collection[File]) -> None:
        """Forget all files but these."""
        self._due = {file: due for file, due in self._due.items() if file in files}
