"""Redis: the features, the ledger and the records of files, changed together or not at all."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from streaming.chunks import batched
from streaming.domain import catalogue, features, ledger
from streaming.domain.features import FIELDS, Features
from streaming.domain.file import File
from streaming.domain.records import Commit, Record, load, record_prefix
from streaming.settings import Settings
from streaming.store import client, formats, keys, local_server, merge
from streaming.store.script_runner import Scripts, naming, packed

RETRIES = 8  # about 10 seconds of a Redis that restarts or fails over
BLOCKS_AT_ONCE = 500
KEYS_AT_ONCE = 1000
RECORDS_AT_ONCE = 10_000

P = ParamSpec("P")
R = TypeVar("R")


def answered(
    method: Callable[Concatenate["Store", P], R],
) -> Callable[Concatenate["Store", P], R]:
    """Turn the client's errors into ours, which name the server and never the password."""

    @wraps(method)
    def call(self: "Store", *args: P.args, **kwargs: P.kwargs) -> R:
        with self.translated():
            return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]  # mypy: functools.wraps forgets that self is positional


class Store:
    """
    The service's view of one Redis.

    Every method raises RedisUnavailable when Redis does not answer within the retries, and
    RedisRefused when it answers with an error.
    """

    def __init__(self, url: str, settings: Settings, *, retries: int = RETRIES) -> None:
        self.place = settings.redis_place
        self._prefix = settings.feature_prefix
        self.client = client.connect(url, retries)
        self._scripts = Scripts(self.client, self.place)

    def translated(self) -> AbstractContextManager[None]:
        """Raise our errors instead of the client's."""
        return client.translated(self.place)

    @answered
    def version(self) -> int:
        """Return how many batches were committed."""
        return self.position()[0]

    @answered
    def position(self) -> tuple[int, str]:
        """Return how many batches were committed, and the id of the last one."""
        key = self.key(keys.VERSION)
        with naming(key):
            number, last = self.client.mget(key, self.key(keys.COMMIT))
            # MGET gives nothing for another kind of value; the merge would refuse it later.
            if number is None:
                self.client.get(key)
            return int(number or 0), (last or b"").decode()

    @answered
    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """Return the records of these files, of those that have one; of all files for None."""
        key = self.key(keys.FILES)
        with naming(key):
            return self._records(key, paths)

    def _records(self, key: str, paths: Sequence[str] | None) -> dict[str, Record]:
        if paths is None:
            stored = {_text(path): value for path, value in self.client.hgetall(key).items()}
        elif paths:
            stored = dict(zip(paths, self.client.hmget(key, list(paths)), strict=True))
        else:
            stored = {}
        return {path: load(value) for path, value in stored.items() if value}

    @answered
    def recorded(self, landed: Sequence[File]) -> set[str]:
        """Return the paths of those files that have a record as they are now."""
        key = self.key(keys.FILES)
        paths = set()
        for chunk in batched(landed, RECORDS_AT_ONCE):
            with naming(key):
                values = self.client.hmget(key, [file.path for file in chunk])
            for file, value in zip(chunk, values, strict=True):
                if value is not None and value.startswith(record_prefix(file)):
                    paths.add(file.path)
        return paths

    @answered
    def companies(self, blocks: Iterable[str]) -> ledger.Companies:
        """Return the companies counted so far in these blocks of the ledger."""
        seen: ledger.Companies = {}
        for chunk in batched(list(blocks), BLOCKS_AT_ONCE):
            values = self.client.mget([self.key(keys.ledger(name)) for name in chunk])
            for name, value in zip(chunk, values, strict=True):
                with naming(self.key(keys.ledger(name))):
                    seen |= ledger.unpack({name: value})
        return seen

    @answered
    def merge(self, commit: Commit) -> int:
        """
        Apply one batch: features, ledger and records together, or nothing.

        Returns:
            The new version.

        Raises:
            Conflict: the version is no longer the expected one; nothing was written.
            KeyRefused: a key holds something else, or a sum would no longer be exact; nothing was
                written.
        """
        names, argument = merge.call(commit, self.key)
        return int(self.script("merge", names, argument))

    @answered
    def refile(self, moves: Mapping[str, str]) -> None:
        """Move the records of files to other paths, all of them at once."""
        if moves:
            pairs = [path for move in moves.items() for path in move]
            self.script("refile", [self.key(keys.FILES)], packed(pairs))

    @answered
    def format(self) -> int | None:
        """Return the format of what is there (`store/formats.py`); None where nothing was committed."""
        key = self.key(keys.FORMAT)
        with naming(key):
            stored = self.client.get(key)
            if stored is None:
                return formats.FIRST if self.position()[0] else None
            return int(stored)

    def require_format(self) -> None:
        """
        Raise FormatRefused where what is there has another format than this version writes.

        The merge looks again: this is to stop before any work is done.
        """
        stored = self.format()
        if stored not in (None, formats.FORMAT):
            raise formats.refused(str(stored), self.place)

    @answered
    def script(self, name: str, names: Sequence[str], argument: bytes) -> str:
        """Run one of the service's scripts over these keys, as `Scripts.run` does."""
        return self._scripts.run(name, names, argument)

    @answered
    def features(self, cidade: str | None = None) -> list[Features]:
        """
        Return the features of every key that has all of them, in the order of the keys.

        Of one city, only its own keys are read: its name, and its municipality in each state.
        """
        groups = features.groups()
        if cidade is None:
            hashes = self._hashes(self.keys("*", kind="hash"))
        else:
            named = [g for g in groups if "cidade" in g.dimensions]
            places = [{"cidade": cidade, "estado": estado} for estado in catalogue.UFS]
            hashes = self._hashes({g.key_of(place) for g in named for place in places})
        shown = []
        for key, values in hashes.items():
            group = catalogue.group_of(key)
            if group in groups and values.keys() >= set(FIELDS):
                with naming(self.key(key)):
                    shown.append(Features.of(group, key, values))
        return shown

    @answered
    def hashes(self) -> dict[str, dict[str, str]]:
        """Return every hash with a field of ours that is a feature, or has what may be a city's name."""
        ours = {name for group in catalogue.GROUPS for name in group.fields}
        hashes = self._hashes(self.keys("*", kind="hash"))
        return {key: values for key, values in hashes.items() if values.keys() & ours}

    def _hashes(self, names: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the hashes of these names that are features', or could be, by name in order."""
        names = sorted(name for name in names if ":" not in name or catalogue.group_of(name))
        hashes = {}
        for chunk in batched(names, KEYS_AT_ONCE):
            pipeline = self.client.pipeline(transaction=False)
            for name in chunk:
                pipeline.hgetall(self.key(name))
            replies = pipeline.execute(raise_on_error=False)
            for name, values in zip(chunk, replies, strict=True):
                with naming(self.key(name)):
                    if isinstance(values, Exception):
                        raise values
                hashes[name] = {_text(field): _text(value) for field, value in values.items()}
        return hashes

    @answered
    def keys(self, pattern: str, *, kind: str | None = None) -> set[str]:
        """Return the keys, less the prefix, that fit a pattern as SCAN has it."""
        names = self.client.scan_iter(_literal(self._prefix) + pattern, 5000, _type=kind)
        return {_text(name).removeprefix(self._prefix) for name in names}

    def within(self, name: str) -> "Store":
        """Return the store of a namespace inside this one, on the same connections."""
        inner = copy(self)
        inner._prefix = self.key(name)
        return inner

    def key(self, name: str) -> str:
        """Return the key of this name, as Redis has it."""
        return self._prefix + name


def connect(settings: Settings, *, retries: int = RETRIES) -> Store:
    """Return the store of these settings, on the embedded server where no URL is set."""
    secret = settings.redis_url
    url = secret.get_secret_value() if secret is not None else local_server.url(settings.redis_dir)
    return Store(url, settings, retries=retries)


def revive(settings: Settings) -> None:
    """Start the embedded server again, if it is in use and has ended."""
    if settings.redis_url is None:
        local_server.url(settings.redis_dir)


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _literal(text: str) -> str:
    """Escape what SCAN's patterns would expand."""
    return "".join(f"\\{c}" if c in "\\*?[]^-" else c for c in text)
