"""
What the commands of the service come to.

The command line shows these values and prints them as JSON, with these names; the DAG and the tests read
them. They know nothing of how they were found.
"""

from dataclasses import dataclass

from streaming.domain.features import Features
from streaming.domain.records import Record
from streaming.domain.suggestions import UnknownPlaces

COUNTS = ("read", "new", "duplicates", "rejected")
"""The accounting of a file, in rows; the first is the sum of the others."""
UNREAD = ("failed", "unreadable")
"""The states of files that could not be read: they wait for a person, and have no record."""


@dataclass(frozen=True)
class Outcome:
    """
    What a run did with one file: `state` is that of its record.

    Without a record it is `waiting` (for its writer), `unreadable` (for a person to mend it) or `failed`
    (reading or counting it failed in a way nobody foresaw; `reason` is the cause).
    """

    file: str
    read: int
    new: int
    duplicates: int
    rejected: int
    state: str
    reason: str | None


@dataclass(frozen=True)
class Difference:
    """Where Redis and the files disagree: a field of a key, or (`field` None) the key as a whole."""

    key: str
    field: str | None
    redis: str | None
    files: str | None


@dataclass(frozen=True)
class Audit:
    """
    What an audit found.

    `cities` is how many cities the files have, `files` how many of them were read; `notes` are what may
    explain differences: files that are gone or were overwritten after they were counted.
    """

    cities: int
    companies: int
    files: int
    version: int
    differences: list[Difference]
    notes: list[str]


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to: cities and files now counted, and the files that no longer are."""

    version: int
    cities: int
    files: int
    gone: list[str]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it is right, and what was seen or what to do."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Dropped:
    """A file in the landing zone: from where, under which path, and whether it was not there before."""

    source: str
    path: str
    copied: bool


@dataclass(frozen=True)
class Receita:
    """
    What was read from files of Receita Federal.

    Attributes:
        token: the day of the files, as their names have it.
        desde: the first date of opening that was asked for (ISO 8601).
        ate: the last one.
        filiais: whether branches were asked for.
        escritos: establishments that were written.
        contagens: the others by reason, and what is only noted, by name; nothing that is 0.
        nao_informados: CNPJs of companies that count with 0.00, as their capital was not informed.
        arquivos: the files in the landing zone.
    """

    token: str
    desde: str
    ate: str
    filiais: bool
    escritos: int
    contagens: dict[str, int]
    nao_informados: list[str]
    arquivos: list[Dropped]


@dataclass(frozen=True)
class Verification:
    """
    What one run left in Redis.

    Attributes:
        totals: the sums of the accounting of `files`.
        version: how many batches were committed so far.
        commit: the id of the last commit; empty if there is none.
        files: the records of the files that the run committed, by path.
        latest: the features that changed last.
        wrong: where records and features disagree, in sentences; another writer may be between.
        not_counted: the files that a person has to mend, each with its reason.
        read_before: the record of the dropped file, if an earlier run read the same content.
        missing: the path of the dropped file, if it has no record.
    """

    totals: dict[str, int]
    version: int
    commit: str
    files: dict[str, Record]
    latest: list[Features]
    wrong: list[str]
    not_counted: list[str]
    read_before: dict[str, Record]
    missing: str | None


@dataclass(frozen=True)
class Backlog:
    """What waits to be ingested."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Freshness:
    """
    How old the features are.

    `last_commit` is an instant (ISO 8601, UTC; None: nothing was committed); the others are seconds
    (None: nothing to count from).
    """

    last_commit: str | None
    seconds_since: float | None
    oldest_waiting_seconds: float | None


@dataclass(frozen=True)
class Format:
    """The version of rules and keys that Redis was filled with (None: empty), and the service's."""

    stored: int | None
    service: int


@dataclass(frozen=True)
class Status:
    """
    The state of the landing zone against the records in Redis.

    `ingested` and `rejected` count files with such a record; `waiting` lists those without, `changed`
    those that are no longer what was recorded, `not_looked_at` those without the name of a CSV file.
    `rows` are the sums of the records' accounting. `unrecognised` are the places in the features that
    are no municipality, the first ten with what they may have meant; none with MUNICIPIOS=off. `working`
    are the processes that run, follow or rebuild, on whichever machine.
    """

    ingested: int
    rejected: int
    waiting: list[str]
    changed: list[str]
    not_looked_at: list[str]
    backlog: Backlog
    freshness: Freshness
    rows: dict[str, int]
    version: int
    format: Format
    unrecognised: UnknownPlaces
    working: list[str]
    landing_zone: str
    redis: str
