"""
How good the data is, as values: what the files and Redis say of rows, months, places and capitals.

Nothing here is removed from the features: what is listed counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

from streaming.domain import growth
from streaming.domain.capitals import Capital, Capitals
from streaming.domain.suggestions import UnknownPlaces


@dataclass(frozen=True)
class Inspection:
    """
    What reading a file again shows.

    Attributes:
        read: rows, whether they fit or not.
        rejected: rows that do not fit, by reason.
        companies: the companies of the rows that fit.
        wrong_digits, unrecognised, mangled, mangled_example: as in a report of its reading.
        not_informed: rows that fit, with the mark NOT_INFORMED as capital.
        huge: other rows that fit, with a capital of HUGE or more.
        marked: rows with the mark, LISTED of them at most.
        largest: the other rows that fit with the largest capitals, as many as were asked for.
    """

    read: int
    rejected: Mapping[str, int]
    companies: int
    wrong_digits: int
    unrecognised: int
    mangled: int
    mangled_example: str | None
    not_informed: int
    huge: int
    marked: Sequence[Capital]
    largest: Sequence[Capital]

    @property
    def rejected_rows(self) -> int:
        """How many rows do not fit."""
        return sum(self.rejected.values())

    @property
    def fitting(self) -> int:
        """How many rows fit."""
        return self.read - self.rejected_rows

    @property
    def repeats(self) -> int:
        """How many rows that fit are of a company with an earlier row in the file that fits."""
        return self.fitting - self.companies


@dataclass(frozen=True)
class Rows:
    """
    Counts of rows; None: the file is needed to know, and it was not read again.

    `read` = `new` + `duplicates` + `rejected`. `duplicates` are `duplicates_within_file` (the same file
    has the company before) and `duplicates_across_files` (another file had it before).
    `wrong_check_digits`, `unrecognised`, `suspicious_text`, `capital_not_informed` and `capital_outlier`
    are of rows that fit; with `suspicious_text`, the city looks wrongly decoded.
    """

    read: int = 0
    new: int = 0
    duplicates: int = 0
    rejected: int = 0
    unrecognised: int = 0
    duplicates_within_file: int | None = None
    duplicates_across_files: int | None = None
    wrong_check_digits: int | None = None
    suspicious_text: int | None = None
    capital_not_informed: int | None = None
    capital_outlier: int | None = None

    @classmethod
    def total(cls, each: Iterable["Rows"]) -> Self:
        """Return the sums; what is not known of a file is left out."""
        each = list(each)
        values = {f.name: [getattr(rows, f.name) for rows in each] for f in fields(cls)}
        known = {name: [v for v in column if v is not None] for name, column in values.items()}
        return cls(**{name: sum(column) for name, column in known.items() if column})


@dataclass(frozen=True)
class FileQuality:
    """
    The quality of one file.

    Attributes:
        file: its path in the landing zone.
        state: that of its record, `ingested` or `rejected` (as a whole, with its `reason`).
        reason: why it was rejected.
        not_read_again: why it was not read again; None: it was.
        rows: counts of its rows.
        rows_rejected_by_reason: the rejected rows by reason, the most frequent first.
        suspicious_text_example: a city that looks wrongly decoded.
    """

    file: str
    state: str
    reason: str | None
    not_read_again: str | None
    rows: Rows
    rows_rejected_by_reason: Mapping[str, int] | None
    suspicious_text_example: str | None


@dataclass(frozen=True)
class Months:
    """The first and the last month with openings (AAAA-MM), and those between that have none."""

    first: str | None
    last: str | None
    missing: list[str]

    @classmethod
    def of(cls, openings: Mapping[str, int]) -> Self:
        """Return those of these openings by month."""
        known = sorted(month for month, number in openings.items() if number)
        if not known:
            return cls(None, None, [])
        missing = [month for month in growth.between(known[0], known[-1]) if month not in openings]
        return cls(known[0], known[-1], missing)


@dataclass(frozen=True)
class Conservation:
    """
    Whether nothing was lost or invented.

    Attributes:
        companies_of_files: the companies that all files brought, by their records.
        companies_in_redis: the companies that each of these keys has in sum; each is the same number.
        broken: where rows or companies do not add up, in sentences; none if all is well.
    """

    companies_of_files: int
    companies_in_redis: Mapping[str, int]
    broken: list[str]


@dataclass(frozen=True)
class Quality:
    """
    The quality of all data that was counted.

    Attributes:
        ok: whether nothing is broken in `conservation`; findings of other kinds leave it true.
        version: how many batches were committed.
        files: each file, in the order of the paths.
        rows: the sums over files.
        rows_rejected_by_reason: the same.
        unrecognised: the places that are no municipality.
        months: those of the whole country.
        capitals: over all files.
        conservation: of all files and Redis.
        notes: what could not be looked at, in sentences.
    """

    ok: bool
    version: int
    files: list[FileQuality]
    rows: Rows
    rows_rejected_by_reason: Mapping[str, int]
    unrecognised: UnknownPlaces
    months: Months
    capitals: Capitals
    conservation: Conservation
    notes: list[str]


def by_frequency(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return numbers by reason, the most frequent first."""
    return dict(sorted(reasons.items(), key=lambda r: (-r[1], r[0])))


def summed(reasons: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of numbers by reason, the most frequent first."""
    sums: Counter[str] = Counter()
    for counts in reasons:
        sums.update(counts)
    return by_frequency(sums)
