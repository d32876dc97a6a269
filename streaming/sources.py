"""What executors are told of a file, and what they answer."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Rules:
    """
    What is not the same for every row of every file.

    Attributes:
        now: the instant `data_abertura` may lie at most a day after; with a time zone.
        strict: whether wrong CNPJ check digits reject a row.
    """

    now: datetime
    strict: bool = False


@dataclass(frozen=True)
class Source:
    """
    One file to summarise.

    `number` names it in the summaries, `path` is its path in the landing zone, `location` is where
    executors find it; `size` (bytes) and `mtime` (nanoseconds) are what it must still have. With
    `leave_out` (ledger blocks as bytes) only its places are summarised, without those companies.
    """

    number: int
    path: str
    location: str
    size: int
    mtime: int
    leave_out: dict[str, bytes] | None = None


@dataclass(frozen=True)
class Report:
    """
    What reading one file came to.

    `outcome` is `read`, `rejected` (as a whole, see `reason`), `changed` (it is not, or no longer, the
    file it should be) or `unreadable` (the system refused, see `reason`; it may work later).
    `repeats`: a company repeats inside the file, so that its places take another look.
    """

    outcome: str
    read: int = 0
    rejected: int = 0
    wrong_digits: int = 0
    repeats: bool = False
    extra: list[str] = field(default_factory=list)
    reason: str | None = None
