"""
The keys of the service in Redis: names and patterns.

Those of features are templates in `domain/catalogue.py`, the others are here. These have a `:`, which no
city's name has. FEATURE_PREFIX is put before all of them (`Store.key`).
"""

from hashlib import sha256

from streaming.domain import catalogue
from streaming.domain.cells import Cell

VERSION = "ingest:version"
COMMIT = "ingest:commit"
FILES = "ingest:files"
FORMAT = "ingest:format"
AUDIT = "ingest:audit"
REBUILD = "ingest:rebuild"
LEASES = "ingest:lease:*"
LEDGERS = "ledger:*"
REBUILDS = "rebuild:*"

RUN, FOLLOW, REBUILDING = ("run", "follow", "rebuild")
"""What a lease is for (`store/lease.py`)."""

EXAMPLE = Cell("São Paulo", "SP", "2026-10", "capital_ate_1000")


def ledger(block: str) -> str:
    """Return the key of a block of the ledger."""
    return f"ledger:{block}"


def rebuild(id: str) -> str:
    """Return what is put before the keys that a rebuild fills until the switch."""
    return f"rebuild:{id}:"


def lease(role: str, zone: str) -> str:
    """
    Return the key of a lease; that of the rebuild has no landing zone.

    Landing zones have any names, so twelve hexadecimal digits stand for one.
    """
    digits = sha256(zone.encode(errors="surrogateescape")).hexdigest()[:12]
    return f"ingest:lease:{role}:{digits}" if zone else f"ingest:lease:{role}"


def table() -> list[tuple[str, str, str]]:
    """Return every key, those of features by an example: name, type, content (docs/architecture.md)."""
    return [
        *((group.key_of(EXAMPLE._asdict()), "hash", group.about) for group in catalogue.GROUPS),
        *((ranking.key, "sorted set", ranking.about) for ranking in catalogue.RANKINGS),
        (VERSION, "string", "how many commits there were"),
        (
            COMMIT,
            "string",
            "the id of the last commit: a Redis that was flushed or restored has another",
        ),
        (FILES, "hash", "path → record of the file, as JSON"),
        (FORMAT, "string", "the version of rules and keys that all of it was written with"),
        (AUDIT, "string", "what the last audit found, as JSON: `at`, `version`, `differences`"),
        (ledger("<block>"), "string", "the counted companies of 65,536 CNPJ roots, as a roaring bitmap"),
        (
            LEASES,
            "string",
            "who runs, follows or rebuilds, as JSON; gone after 15 s of silence",
        ),
        (REBUILD, "string", "the id of a rebuild that is under way or was interrupted"),
        (rebuild("<id>") + "…", "as above", "the keys that a rebuild fills until the switch"),
    ]
