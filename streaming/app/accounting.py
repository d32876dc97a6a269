"""The accounting of a run, as its batches come."""

from dataclasses import asdict
from typing import Any

from streaming.domain.results import COUNTS, UNREAD, Outcome


class Accounting:
    """
    What became of the files of a run, and the sums of all.

    Args:
        follow: the run may go on for ever: files are added up, and not kept.
    """

    def __init__(self, *, follow: bool) -> None:
        self._follow = follow
        self._outcomes: dict[str, Outcome] = {}
        self._failed: set[str] = set()
        self.totals = dict.fromkeys(COUNTS, 0)

    def add(self, batch: list[Outcome]) -> None:
        """Add the outcomes of a batch: of a file that was tried again, the last one is its own."""
        for outcome in batch:
            if not self._follow:
                self._outcomes[outcome.file] = outcome
            (self._failed.add if outcome.state in UNREAD else self._failed.discard)(outcome.file)
            for count in COUNTS:
                self.totals[count] += getattr(outcome, count)

    @property
    def outcomes(self) -> list[Outcome]:
        """The last outcome of each file."""
        return list(self._outcomes.values())

    @property
    def is_failed(self) -> bool:
        """Whether files could not be read, and were not read later."""
        return bool(self._failed)

    def document(self, version: int | None) -> dict[str, Any]:
        """Return it as JSON shows it."""
        return {"files": [asdict(o) for o in self.outcomes], **self.totals, "version": version}
