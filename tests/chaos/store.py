"""An object store that is cut, slow, busy or refusing, and objects that change at the worst moment."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.chaos import store_kills, store_world
from tests.chaos.store_world import StoreWorld
from tests.chaos.world import Case, Difference, Rows, World
from tests.store_proxy import Fault

ALWAYS = 1_000_000
KINDS = "GET", "HEAD", "PUT", "POST", "DELETE"
PAGE = r"continuation-token"
OBJECT = r"\.csv"
COPY, CONDITION = "x-amz-copy-source", "if-match"
BUSY = b"<Error><Code>SlowDown</Code></Error>"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code></Error>"
MANY = 1100
"""Objects of a listing of two pages."""


def connection_cut(world: StoreWorld) -> None:
    """Cut the connection before any kind of request, for a moment, then for good."""
    _put(world)
    for method in KINDS:
        world.proxy.add(Fault(method, 2, lost="before"))
    world.run()
    world.check()
    world.archived()
    _refused(world, Fault("GET", ALWAYS, lost="before"), Fault("HEAD", ALWAYS, lost="before"))


def slow(world: StoreWorld) -> None:
    """Answer a request of each kind a second late, and one of a file later than is waited for."""
    _put(world)
    world.proxy.add(Fault("GET", 1, act=lambda: time.sleep(11), target=OBJECT))
    for method in KINDS:
        world.proxy.add(Fault(method, 1, act=lambda: time.sleep(1)))
    world.run()


def busy(world: StoreWorld, status: int) -> None:
    """Answer that it is busy, for a moment, then for good."""
    _put(world)
    for method in KINDS:
        world.proxy.add(Fault(method, 2, status, BUSY))
    world.run()
    world.check()
    world.archived()
    _refused(world, *(Fault(method, ALWAYS, status, BUSY) for method in ("GET", "HEAD")))


def body_truncated(world: StoreWorld) -> None:
    """Cut the content of a file, once, then for good."""
    _put(world)
    world.proxy.add(Fault("GET", 2, cut=100, target=OBJECT))
    world.run()
    world.check()
    name = world.put()
    world.proxy.add(Fault("GET", ALWAYS, cut=100, target=name))
    world.run(code=1)
    if world.service.records().keys() & {name}:
        raise Difference(f"{name} was counted, though it came cut")


def listing_cut(world: StoreWorld) -> None:
    """Fail at the second page of a listing, then cut it, then let it pass."""
    world.archives = False
    rows = world.world.rows(MANY, repeat=0)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda row: world.put(rows=[row], rejected=0), rows))
    for fault in (
        Fault("GET", ALWAYS, 503, BUSY, target=PAGE),
        Fault("GET", ALWAYS, cut=5000, target=PAGE),
    ):
        _refused(world, fault)
        if world.service.records():
            raise Difference("files of a listing that was cut were counted")


def replaced_before_reading(world: StoreWorld) -> None:
    """Put another object of the same size, in the same second, between listing and reading."""
    _replaced(world, "GET")


def replaced_before_commit(world: StoreWorld) -> None:
    """The same between reading and the commit."""
    _replaced(world, "HEAD")


def delete_lost(world: StoreWorld, lost: str) -> None:
    """Copy, and let the removal not arrive, or its answer, for good; the next run ends the move."""
    _put(world)
    world.proxy.add(Fault("DELETE", ALWAYS, lost=lost, header=CONDITION))
    warnings = [line for line in world.run() if "not archived" in line]
    if len(warnings) != 1:
        raise Difference(f"not one warning: {warnings}")
    world.check()
    world.proxy.calm()


def credentials_expire(world: StoreWorld, status: int, body: bytes) -> None:
    """Refuse the credentials from one kind of request on."""
    for fault in (
        Fault("GET", ALWAYS, status, body),
        Fault("HEAD", ALWAYS, status, body, target=OBJECT),
    ):
        _put(world)
        _refused(world, fault)
        world.proxy.calm()
    _put(world)
    world.proxy.add(Fault("GET", ALWAYS, status, body, target=OBJECT))  # as a reader
    world.run(code=1)
    for fault in (
        Fault("PUT", ALWAYS, status, body, header=COPY),
        Fault("DELETE", ALWAYS, status, body, header=CONDITION),
    ):
        world.proxy.calm()
        _put(world)
        world.proxy.add(fault)
        world.run()
        world.check()


def _replaced(world: StoreWorld, method: str) -> None:
    names = [world.put() for _ in range(3)]
    world.proxy.clock = int(time.time())
    for name in names[:2]:
        world.proxy.add(Fault(method, 1, act=partial(world.replace, name), target=name))
    world.run()
    counted = {record["tag"] for record in world.service.records().values()}
    if not counted <= world.owed.keys():
        raise Difference(f"counted what was replaced: {counted}")


def _put(world: StoreWorld) -> None:
    for _ in range(world.world.random.randint(1, 3)):
        world.put()


def _refused(world: StoreWorld, *faults: Fault) -> None:
    """Let a run fail with one line while these faults last."""
    _put(world)
    for fault in faults:
        world.proxy.add(fault)
    world.refused()
    world.proxy.calm()


FAULTS: dict[str, Callable[[StoreWorld], None]] = {
    "connection cut at each kind of request": connection_cut,
    "slow answers, one past its time-out": slow,
    "503 at each kind of request": lambda world: busy(world, 503),
    "429 at each kind of request": lambda world: busy(world, 429),
    "content of a file truncated": body_truncated,
    "listing of 1,100 objects cut at a page": listing_cut,
    "object replaced between listing and reading, same size and second": replaced_before_reading,
    "object replaced between reading and commit, same size and second": replaced_before_commit,
    "copy done, removal never arrives": lambda world: delete_lost(world, "before"),
    "copy done, answer to the removal lost": lambda world: delete_lost(world, "after"),
    "credentials expire in the middle (400 ExpiredToken)": lambda world: credentials_expire(
        world, 400, EXPIRED
    ),
    "credentials refused in the middle (403)": lambda world: credentials_expire(world, 403, DENIED),
}


def faults(world: World, count: int) -> Rows:
    """Try each fault so often, in a bucket and a Redis of its own; then a run to the end."""
    return store_world.tried(world, count, FAULTS)


CASES = [
    Case("store", "an object store that fails behind a proxy", faults, full=5, quick=1),
    *store_kills.CASES,
]
