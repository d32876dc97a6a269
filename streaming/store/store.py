"""Redis: the features, the ledger and the records of files, changed together or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from functools import wraps
from importlib.resources import files
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import redis

from streaming.chunks import batched
from streaming.domain import ledger
from streaming.domain.features import FIELDS, Features
from streaming.domain.file import File
from streaming.domain.records import Commit, Record, dump, load, record_prefix
from streaming.errors import Conflict, KeyRefused, RedisRefused
from streaming.settings import Settings
from streaming.store import client, local_server

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
        self._scripts: dict[str, Any] = {}

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
        key = self.key("ingest:version")
        with _ours(key):
            number, last = self.client.mget(key, self.key("ingest:commit"))
            # MGET gives nothing for another kind of value; the merge would refuse it later.
            if number is None:
                self.client.get(key)
            return int(number or 0), (last or b"").decode()

    @answered
    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """Return the records of these files, of those that have one; of all files for None."""
        key = self.key("ingest:files")
        with _ours(key):
            return self._records(key, paths)

    def _records(self, key: str, paths: Sequence[str] | None) -> dict[str, Record]:
        if paths is None:
            found = {_text(path): value for path, value in self.client.hgetall(key).items()}
        elif paths:
            found = dict(zip(paths, self.client.hmget(key, list(paths)), strict=True))
        else:
            found = {}
        return {p: load(value) for p, value in found.items() if value}

    @answered
    def recorded(self, landed: Sequence[File]) -> set[str]:
        """Return the paths of those files that have a record as they are now."""
        key = self.key("ingest:files")
        found = set()
        for some in batched(landed, RECORDS_AT_ONCE):
            with _ours(key):
                values = self.client.hmget(key, [file.path for file in some])
            pairs = zip(some, values, strict=True)
            found |= {
                file.path for file, value in pairs if (value or b"").startswith(record_prefix(file))
            }
        return found

    @answered
    def companies(self, blocks: Iterable[str]) -> ledger.Companies:
        """Return the companies counted so far in these blocks of the ledger."""
        seen: ledger.Companies = {}
        for some in batched(list(blocks), BLOCKS_AT_ONCE):
            values = self.client.mget([self.key(f"ledger:{name}") for name in some])
            for name, value in zip(some, values, strict=True):
                with _ours(self.key(f"ledger:{name}")):
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
        increments = {self.key(name): added for name, added in commit.added().items()}
        blocks = ledger.pack(commit.blocks)
        keys = [self.key(f"ingest:{name}") for name in ("version", "commit", "files")]
        keys += increments
        keys += [self.key(f"ledger:{name}") for name in blocks]
        arguments: list[str | bytes | int] = [commit.expected, commit.after, uuid4().hex, commit.at]
        arguments += [len(increments), len(blocks), len(commit.records)]
        for capital, companies in increments.values():
            arguments += [f"{capital:.2f}", int(capital * 100), companies]
        arguments += blocks.values()
        for path, record in commit.records.items():
            arguments += [path, dump(record)]
        return int(self.script("merge", keys, arguments))

    @answered
    def refile(self, moves: Mapping[str, str]) -> None:
        """Move the records of files to other paths, all of them at once."""
        if moves:
            pairs = [path for move in moves.items() for path in move]
            self.script("refile", [self.key("ingest:files")], pairs)

    @answered
    def script(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int] = ()) -> str:
        """
        Run one of the service's scripts, which write all they have to or nothing.

        Returns:
            What it came to.

        Raises:
            Conflict: another writer was there first.
            KeyRefused: a key holds something else.
        """
        if name not in self._scripts:
            text = files("streaming.store").joinpath("scripts", f"{name}.lua").read_text("utf-8")
            self._scripts[name] = self.client.register_script(text)
        reply = self._scripts[name](keys=keys, args=arguments)
        kind, key, detail = (str(part, "utf-8", "replace") for part in reply)
        if kind == "conflict":
            raise Conflict(f"{key!r} is {detail}, no longer what was expected")
        if kind == "denied":
            raise RedisRefused(
                f"Redis at {self.place} does not let this user run {detail} on key {key!r}; "
                "nothing was written"
            )
        if kind == "limit":
            raise KeyRefused(
                f"key {key!r} {detail}, beyond which cents are not exact; the key is right as it is. "
                "Nothing of the file was counted: correct it or delete it"
            )
        if kind == "key":
            raise KeyRefused(
                f"key {key!r} {detail}; nothing was written. Move or delete it, then run again"
            )
        return detail

    @answered
    def features(self, cidade: str | None = None) -> list[Features]:
        """Return the features of every key, or of one city and its municipalities, by key."""
        found = []
        for key, values in self._hashes(cidade).items():
            if values.keys() >= set(FIELDS):
                with _ours(self.key(key)):
                    found.append(Features.of(key, values))
        return found

    @answered
    def hashes(self) -> dict[str, dict[str, str]]:
        """Return every hash under a city's name that has a field of ours, as it is, by key."""
        return {key: values for key, values in self._hashes().items() if values.keys() & set(FIELDS)}

    def _hashes(self, cidade: str | None = None) -> dict[str, dict[str, str]]:
        if cidade is None:
            names = self.keys("*", kind="hash")
        else:
            names = self.keys(_literal(cidade) + "/??", kind="hash") | {cidade}
        names = {name for name in names if ":" not in name}
        found = {}
        for some in batched(sorted(names), KEYS_AT_ONCE):
            pipeline = self.client.pipeline(transaction=False)
            for name in some:
                pipeline.hgetall(self.key(name))
            for name, values in zip(some, pipeline.execute(), strict=True):
                found[name] = {_text(field): _text(value) for field, value in values.items()}
        return found

    @answered
    def keys(self, pattern: str, *, kind: str | None = None) -> set[str]:
        """Return the keys, less the prefix, that fit a pattern as SCAN has it."""
        found = self.client.scan_iter(_literal(self._prefix) + pattern, 5000, _type=kind)
        return {_text(key).removeprefix(self._prefix) for key in found}

    def within(self, name: str) -> "Store":
        """Return the store of a namespace inside this one, on the same connections."""
        inner = copy(self)
        inner._prefix = self.key(name)
        return inner

    def key(self, name: str) -> str:
        """Return the key of this name, as Redis has it."""
        return self._prefix + name


def connect(settings: Settings, *, retries: int = RETRIES) -> Store:
    """Return the store of these settings, on the server of its own where no URL is set."""
    given = settings.redis_url
    url = given.get_secret_value() if given is not None else local_server.url(settings.redis_dir)
    return Store(url, settings, retries=retries)


def revive(settings: Settings) -> None:
    """Start the server of its own again, if there is one and it has ended."""
    if settings.redis_url is None:
        local_server.url(settings.redis_dir)


@contextmanager
def _ours(key: str) -> Iterator[None]:
    """Name the key where its value turns out not to be the service's."""
    try:
        yield
    except redis.ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        raise KeyRefused(f"key {key!r} holds another kind of value; move or delete it") from None
    except (ValueError, TypeError, ArithmeticError):
        raise KeyRefused(f"key {key!r} holds a value that is not ours; move or delete it") from None


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _literal(text: str) -> str:
    """Escape what SCAN's patterns would expand."""
    return "".join(f"\\{c}" if c in "\\*?[]^-" else c for c in text)
