"""
Sets files aside that could not be read, so that they are not tried again at every look.

Such a file has no record in Redis, so every look would find it and fail.
"""

import math
import time
from collections.abc import Collection, Iterable

from streaming.domain.file import File
from streaming.domain.results import UNREAD, Outcome


class Aside:
    """
    The files that could not be read, and when to read each again.

    Attributes:
        seconds: the pause before another try; infinite, unless set, so that one run tries a file once.
    """

    def __init__(self) -> None:
        self.seconds = math.inf
        self._due: dict[File, float] = {}

    def is_due(self, file: File) -> bool:
        """Return whether a file is to be read now."""
        return time.monotonic() >= self._due.get(file, 0)

    def note(self, batch: Iterable[File], outcomes: Iterable[Outcome]) -> None:
        """Remember which files of a batch could not be read."""
        failed = {outcome.file for outcome in outcomes if outcome.state in UNREAD}
        for file in batch:
            if file.path in failed:
                self._due[file] = time.monotonic() + self.seconds
            else:
                self._due.pop(file, None)

    def keep(self, files: Collection[File]) -> None:
        """Forget all files but these."""
        self._due = {file: due for file, due in self._due.items() if file in files}
