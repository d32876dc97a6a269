"""
The keys of the service in Redis that are no features: names and patterns.

The keys of features are templates in `domain/catalogue.py`. Every key here has a `:`, which no city's
name has. FEATURE_PREFIX is put before all of them (`Store.key`).
"""

VERSION = "ingest:version"
"""String: how many batches were committed."""
COMMIT = "ingest:commit"
"""String: the id of the last commit; a restored or flushed Redis has another one at the same version."""
FILES = "ingest:files"
"""Hash: path of a file → its record (JSON)."""
FORMAT = "ingest:format"
"""String: the version of rules and keys that everything was written with."""
REBUILD = "ingest:rebuild"
"""String: the id of the rebuild that is under way, or was interrupted."""

LEDGERS = "ledger:*"
REBUILDS = "rebuild:*"


def ledger(block: str) -> str:
    """Return the key of a block of the ledger: a string, the roaring bitmap of counted companies."""
    return f"ledger:{block}"


def rebuild(id: str) -> str:
    """Return what is put before the keys that a rebuild fills until the switch."""
    return f"rebuild:{id}:"
