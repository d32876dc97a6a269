"""
Messages between the driver and its executors: which files to read and how, and what came of it.

They are plain values, so that both sides can import them without DuckDB or Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from streaming.domain.file import File
from streaming.landing.zone import Zone
from streaming.settings import Settings

# How much text from a file one log line may hold: characters of a reason and of a name, and names.
REASON = 500
NAME = 60
NAMES = 10


@dataclass(frozen=True)
class Rules:
    """
    The rules that depend on the run, not on the row.

    Attributes:
        now: with a time zone; a `data_abertura` more than one day later rejects a row.
        strict: whether wrong CNPJ check digits reject a row.
        municipios: `official`: a city gets the official name of the municipality that its spelling
            means; `strict`: a row of another is rejected; `off`: spellings are taken as they are.
    """

    now: datetime
    strict: bool = False
    municipios: str = "official"

    @classmethod
    def of(cls, settings: Settings, now: datetime) -> Self:
        """Return the rules of these settings at this instant."""
        return cls(now, settings.cnpj_check_digits == "strict", settings.municipios)


@dataclass(frozen=True)
class Retraction:
    """
    Companies whose rows must be subtracted from a file's sums, as ledger blocks.

    These are all rows of companies `counted` before, and all but the first row of companies `repeated`
    in the file.
    """

    counted: dict[str, bytes]
    repeated: dict[str, bytes]


@dataclass(frozen=True)
class Source:
    """
    One file to summarise.

    Attributes:
        number: names the file in the summaries.
        file: as it was listed; another version has changed, and is not read.
        zone: where it is.
        retraction: if given, only the rows to subtract are summarised, as negative cells.
    """

    number: int
    file: File
    zone: Zone
    retraction: Retraction | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.size


@dataclass(frozen=True)
class TaskResources:
    """
    How many threads, and what part of the machine's memory, one of `readers` concurrent readers may use.
    """

    threads: int = 1
    readers: int = 1


@dataclass(frozen=True)
class Report:
    """
    The result of reading one file.

    Attributes:
        outcome: `read`; `rejected` (as a whole, see `reason`); `changed` (its size or time is not that
            of the source); `unreadable` (the system refused, see `reason`; it may work later); or
            `failed` (reading it, even alone, raised an unexpected error; `reason` names it).
        read: rows, without the header.
        rejected: rows that do not fit the rules.
        wrong_digits: rows that fit, and whose CNPJ has wrong check digits.
        unrecognised: rows that fit, and whose city is no municipality of their state.
        extra: names of ignored columns; of many the first, and how many more.
        mangled: rows with a city that was decoded wrongly before it arrived, like `mangled_example`.
    """

    outcome: str
    read: int = 0
    rejected: int = 0
    wrong_digits: int = 0
    unrecognised: int = 0
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
