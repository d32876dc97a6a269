"""A namespace beside the live one, `rebuild:<id>:`, and the switch that puts it in its place."""

from contextlib import closing

import structlog

from streaming.chunks import batched
from streaming.domain import catalogue
from streaming.store import formats, keys
from streaming.store.lease import Lease
from streaming.store.reader import KEYS_AT_ONCE
from streaming.store.script_runner import packed
from streaming.store.store import Store

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.store.rebuild_namespace")


def begin(store: Store, id: str) -> Store:
    """Return the store of a new namespace, marked so that whatever stays of it is found."""
    with store.translated():
        store.client.set(store.key(keys.REBUILD), id)
    return store.within(keys.rebuild(id))


def clean_interrupted(store: Store) -> None:
    """Remove what an interrupted rebuild left in Redis, unless one is under way."""
    if not _is_begun(store):
        return
    with closing(Lease(store, keys.REBUILDING)) as lease:
        if not lease.attempt():
            clean(store)


def clean(store: Store) -> None:
    """Remove what a rebuild left that did not come to its end; only while none is under way."""
    if not _is_begun(store):
        return
    with store.translated():
        # The version goes first: without it there is no switch to what else is still there.
        names = sorted(store.keys(keys.REBUILDS), key=lambda n: (not n.endswith(f":{keys.VERSION}"), n))
        for chunk in batched(names, KEYS_AT_ONCE):
            store.client.unlink(*map(store.key, chunk))
        store.client.unlink(store.key(keys.REBUILD))
    log.info("removed what an interrupted rebuild had left")


def switch(store: Store, rebuilt: Store, position: tuple[int, str], id: str) -> tuple[int, int]:
    """
    Put the rebuilt keys in the place of the live ones, all at once; live ones without a new one go.

    Returns:
        The new version, and how many cities there are.

    Raises:
        LeaseLost: the rebuild's lease is not held.
        Conflict: the live namespace is no longer at this position, or the rebuilt one lost keys.
        KeyRefused: a live key in the way is not ours. Nothing was written.
    """
    own = (keys.VERSION, keys.COMMIT, keys.FORMAT)
    version, commit = rebuilt.position()
    names = sorted(rebuilt.keys("*") - set(own))
    live = store.hashes().keys() | store.keys(keys.LEDGERS) | {keys.FILES}
    involved = [s.key(name) for s in (store, rebuilt) for name in own] + [store.key(keys.REBUILD)]
    involved += [key for name in names for key in (rebuilt.key(name), store.key(name))]
    involved += [store.key(name) for name in sorted(live - set(names))]
    involved += store.leases
    argument = {
        "version": str(position[0]),
        "commit": position[1],
        "rebuilt_version": str(version),
        "rebuilt_commit": commit,
        "id": id,
        "format": str(formats.FORMAT),
        "leases": list(store.leases.values()),
        "moves": [_kind(name) for name in names],
    }
    new = store.script("switch", involved, packed(argument))
    return int(new), sum(catalogue.group_of(name) == catalogue.CITY for name in names)


def _is_begun(store: Store) -> bool:
    with store.translated():
        return bool(store.client.exists(store.key(keys.REBUILD)))


def _kind(name: str) -> str:
    """Return what the live key of this name must be: its type, or a hash with such a field."""
    if group := catalogue.group_of(name):
        return group.count if group.columns == group.dimensions else "hash"
    if any(name == ranking.key for ranking in catalogue.RANKINGS):
        return "zset"
    return "hash" if name == keys.FILES else "string"
