"""What executors are told of a file, and what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

# What of a file's own words one line of a log may hold.
REASON = 500
NAME = 60
NAMES = 10


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
class Retraction:
    """
    Companies whose rows must be subtracted from a file's sums, as ledger blocks.

    That is all rows of companies `counted` before, and all but the first row of companies `repeated` in
    the file.
    """

    counted: dict[str, bytes]
    repeated: dict[str, bytes]


@dataclass(frozen=True)
class Source:
    """
    One file to summarise.

    `number` names it in the summaries, `path` is its path in the landing zone, `location` is where
    executors find it; `size` (bytes) and `mtime` (nanoseconds) are what it must still have. With
    `surplus` only that is summarised, negative: what is to be added to the file's places.
    """

    number: int
    path: str
    location: str
    size: int
    mtime: int
    surplus: Retraction | None = None


@dataclass(frozen=True)
class TaskResources:
    """How many threads, and what part of the memory, one of `readers` concurrent readers may use."""

    threads: int = 1
    readers: int = 1


@dataclass(frozen=True)
class Report:
    """
    What reading one file came to.

    Attributes:
        outcome: `read`; `rejected` (as a whole, see `reason`); `changed` (it is not, or no longer, the
            file it should be); `unreadable` (the system refused, see `reason`; it may work later); or
            `failed` (reading it, even alone, raised what nobody expected; `reason` names it).
        extra: names of columns that were ignored; of many the first, and how many more.
        mangled: rows with a city that was decoded wrongly before it came, as `mangled_example`.
    """

    outcome: str
    read: int = 0
    rejected: int = 0
    wrong_digits: int = 0
    extra: list[str] = field(default_factory=list)
    reason: str | None = None
    mangled: int = 0
    mangled_example: str | None = None

    @classmethod
    def failed(cls, error: BaseException) -> Self:
        """Return the report of a file whose reading ended with this error."""
        return cls("failed", reason=first_line(error))


def first_line(error: BaseException) -> str:
    """Return the class of an error, and the first line of its message."""
    line, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {line[:REASON]}".removesuffix(": ")


def shortened(names: Sequence[str]) -> list[str]:
    """Return names of columns for one line of a log: the first, and how many more there are."""
    first = [name if len(name) <= NAME else f"{name[:NAME]}…" for name in names[:NAMES]]
    return first if len(names) <= NAMES else [*first, f"… and {len(names) - NAMES:,} more"]
