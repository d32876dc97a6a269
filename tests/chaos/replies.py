"""Replies that are lost or late, on all commands, with the client's own retries; and that it matters."""

from importlib.resources import files

from streaming.store.store import Store
from tests.chaos.world import Case, Difference, Rows, World

FRACTION = 0.25
TIMEOUT = 0.3
FILES = 8
GUARDS = (
    "if current ~= batch.expected then",
    "if batch.base ~= '' and redis.call('GET', commit) ~= batch.base then",
)


def replies(world: World, count: int) -> Rows:
    """Lose so many replies, a quarter of all; check after each handful of batches."""
    while world.proxy.swallowed < count:
        _round(world, _patient(world))
        world.complete()
        world.progress(min(world.proxy.swallowed, count), count)
    world.complete(audit=True)
    summary = f"{world.proxy.swallowed} lost of all commands, {world.proxy.scripts} scripts run"
    return {"replies lost, late or never sent (25 % of all)": (count, f"{summary}; {world.told()}")}


def control(world: World, count: int) -> Rows:
    """The same with the script's two checks of the version cut out: differences have to be found."""
    merge = files("streaming.store").joinpath("scripts", "merge.lua").read_text("utf-8")
    for guard in GUARDS:
        assert merge.count(guard) == 1, f"merge.lua has no {guard!r}"
        merge = merge.replace(guard, "if false then")
    differences: dict[str, object] = {}
    while not differences:
        if world.proxy.swallowed >= count:
            raise Difference("a script without its checks made no difference: this harness sees nothing")
        store = _patient(world)
        store._scripts._registered["merge"] = store.client.register_script(merge)
        _round(world, store)
        differences = world.differences()
        world.progress(min(world.proxy.swallowed, count), count)
    lost = world.proxy.swallowed
    summary = f"{len(differences)} differences found, as they have to be, after {lost} lost"
    return {"the same without the version's checks": (lost, summary)}


def _round(world: World, store: Store) -> None:
    """Ingest some files, one a batch, over the lossy wire; the seed is another one each time."""
    for _ in range(FILES):
        world.put()
    world.proxy.lose(FRACTION, world.random.randrange(2**32), late=2 * TIMEOUT)
    world.service.run(store=store)
    world.proxy.calm()


def _patient(world: World) -> Store:
    """Return a store over the wire that tries again after a shorter time than usual."""
    world.service.settings = world.settings.model_copy(update={"max_files_per_trigger": 1})
    store = Store(world.proxy.url, world.service.settings)
    store.client.connection_pool.connection_kwargs["socket_timeout"] = TIMEOUT
    return store


CASES = [
    Case("replies", "replies lost on the wire", replies, full=200, quick=10),
    Case("replies-control", "the same with the guards cut out", control, full=200, quick=50),
]
