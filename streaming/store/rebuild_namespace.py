"""A namespace beside the live one, `rebuild:<id>:`, and the switch that puts it in its place."""

import structlog

from streaming import locks
from streaming.chunks import batched
from streaming.settings import Settings
from streaming.store.store import KEYS_AT_ONCE, Store

MARK = "ingest:rebuild"

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.store.rebuild_namespace")


def begin(store: Store, id: str) -> Store:
    """Return the store of a new namespace, marked so that whatever stays of it is found."""
    with store.translated():
        store.client.set(store.key(MARK), id)
    return store.within(f"rebuild:{id}:")


def clean_interrupted(settings: Settings, store: Store) -> None:
    """Remove what an interrupted rebuild left in Redis, unless one is under way."""
    with locks.no_rebuild(settings) as free:
        if free:
            clean(store)


def clean(store: Store) -> None:
    """Remove what a rebuild left that did not come to its end; only while none is under way."""
    with store.translated():
        if not store.client.exists(store.key(MARK)):
            return
        # The version goes first: without it there is no switch to what else is still there.
        names = sorted(store.keys("rebuild:*"), key=lambda n: (not n.endswith(":ingest:version"), n))
        for some in batched(names, KEYS_AT_ONCE):
            store.client.unlink(*map(store.key, some))
        store.client.unlink(store.key(MARK))
    log.info("removed what an interrupted rebuild had left")


def switch(store: Store, shadow: Store, position: tuple[int, str], id: str) -> tuple[int, int]:
    """
    Put the shadow's keys in the place of the live ones, all at once; live ones without a new one go.

    Returns:
        The new version, and how many cities there are.

    Raises:
        Conflict: the live namespace is no longer at this position, or the shadow lost keys.
        KeyRefused: a live key in the way is not ours. Nothing was written.
    """
    version, commit = shadow.position()
    names = shadow.keys("*") - {"ingest:version", "ingest:commit"}
    live = store.hashes().keys() | store.keys("ledger:*") | {"ingest:files"}
    keys = [s.key(f"ingest:{name}") for s in (store, shadow) for name in ("version", "commit")]
    keys.append(store.key(MARK))
    keys += [key for name in sorted(names) for key in (shadow.key(name), store.key(name))]
    keys += [store.key(name) for name in sorted(live - names)]
    new = store.script("switch", keys, [*position, version, commit, id, len(names)])
    return int(new), sum(":" not in name and "/" not in name for name in names)
