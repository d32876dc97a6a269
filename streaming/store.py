"""Redis: the features, the ledger and the records of files, changed together or not at all."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import wraps
from importlib.resources import files
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import redis

from streaming import client, ledger, server
from streaming.errors import (
    Conflict,
    KeyRefused,
    RedisRefused,
    RedisUnavailable,
)
from streaming.files import File
from streaming.settings import Settings

RETRIES = 8  # about 10 seconds of a Redis that restarts or fails over
BLOCKS_AT_ONCE = 500
FIELDS = {b"capital_social_total", b"quantidade_empresas", b"capital_social_medio", b"atualizado_em"}

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Record:
    """
    What became of one file; `read` = `new` + `duplicates` + `rejected`, always.

    `size` in bytes and `mtime` in nanoseconds identify what was read under this path. `state` is
    `ingested` or `rejected` (the file as a whole, with its `reason`). `at` is the commit's instant.
    """

    size: int
    mtime: int
    read: int
    new: int
    duplicates: int
    rejected: int
    state: str
    version: int
    at: str
    reason: str | None = None

    def is_of(self, file: File) -> bool:
        """Return whether this is the record of the file as it is now."""
        return (self.size, self.mtime) == (file.size, file.mtime)


@dataclass(frozen=True)
class Features:
    """The features of one city (`estado` None) or of one municipality; sums in reais."""

    key: str
    cidade: str
    estado: str | None
    capital_social_total: Decimal
    quantidade_empresas: int
    capital_social_medio: Decimal
    atualizado_em: str


@dataclass(frozen=True)
class Commit:
    """
    One batch, ready to be merged.

    Attributes:
        expected: the version it was computed against.
        at: the instant of the commit, ISO 8601 with microseconds, UTC.
        increments: (cidade, estado) to what is added: reais, companies.
        blocks: the ledger's blocks that grew, whole.
        records: what becomes of each file, by path.
        after: the id of the commit it was computed against, if it matters which.
    """

    expected: int
    at: str
    increments: dict[tuple[str, str], tuple[Decimal, int]]
    blocks: ledger.Companies
    records: dict[str, Record]
    after: str = ""


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
        merge = files("streaming").joinpath("merge.lua").read_text("utf-8")
        self._merge = self.client.register_script(merge)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise our errors instead of the client's."""
        try:
            yield
        except redis.AuthenticationError:
            raise RedisRefused(f"Redis at {self.place} refused the user or password") from None
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            if refusal := client.refusal(error):
                raise RedisRefused(f"Redis at {self.place}: {refusal}") from error
            raise RedisUnavailable(
                f"Redis at {self.place} does not answer ({type(error).__name__}); "
                "start it or correct REDIS_URL (rediss:// with TLS, redis:// without), "
                "then run again: nothing was lost"
            ) from error
        except redis.RedisError as error:
            raise RedisRefused(f"Redis at {self.place} refused: {error}") from error

    @answered
    def version(self) -> int:
        """Return how many batches were committed."""
        return self.position()[0]

    @answered
    def position(self) -> tuple[int, str]:
        """Return how many batches were committed, and the id of the last one."""
        key = self._key("ingest:version")
        with _ours(key):
            number, last = self.client.mget(key, self._key("ingest:commit"))
            # MGET gives nothing for another kind of value; the merge would refuse it later.
            if number is None:
                self.client.get(key)
            return int(number or 0), (last or b"").decode()

    @answered
    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """Return the records of these files, of those that have one; of all files for None."""
        key = self._key("ingest:files")
        with _ours(key):
            return self._records(key, paths)

    def _records(self, key: str, paths: Sequence[str] | None) -> dict[str, Record]:
        if paths is None:
            found = {
                p.decode(errors="surrogateescape"): value
                for p, value in self.client.hgetall(key).items()
            }
        elif paths:
            found = dict(zip(paths, self.client.hmget(key, list(paths)), strict=True))
        else:
            found = {}
        return {p: Record(**json.loads(value)) for p, value in found.items() if value}

    @answered
    def companies(self, blocks: Iterable[str]) -> ledger.Companies:
        """Return the companies counted so far in these blocks of the ledger."""
        names = list(blocks)
        seen: ledger.Companies = {}
        for start in range(0, len(names), BLOCKS_AT_ONCE):
            some = names[start : start + BLOCKS_AT_ONCE]
            values = self.client.mget([self._key(f"ledger:{name}") for name in some])
            for name, value in zip(some, values, strict=True):
                with _ours(self._key(f"ledger:{name}")):
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
        increments = self._increments(commit)
        blocks = ledger.pack(commit.blocks)
        keys = [self._key(f"ingest:{name}") for name in ("version", "commit", "files")]
        keys += increments
        keys += [self._key(f"ledger:{name}") for name in blocks]
        arguments: list[str | bytes | int] = [commit.expected, commit.after, uuid4().hex, commit.at]
        arguments += [len(increments), len(blocks), len(commit.records)]
        for capital, companies in increments.values():
            arguments += [f"{capital:.2f}", int(capital * 100), companies]
        arguments += blocks.values()
        for path, record in commit.records.items():
            arguments += [path, dump(record)]
        kind, key, detail = (
            part.decode(errors="replace") for part in self._merge(keys=keys, args=arguments)
        )
        if kind == "conflict":
            raise Conflict(f"version is {detail}, expected {commit.expected}")
        if kind == "denied":
            raise RedisRefused(
                f"Redis at {self.place} does not let this user run {detail} on key {key!r}; "
                "nothing was written"
            )
        if kind == "key":
            raise KeyRefused(
                f"key {key!r} {detail}; nothing was written. Move or delete it, then run again"
            )
        return int(detail)

    @answered
    def execute(self, command: Sequence[str]) -> Any:
        """Run any Redis command and return its reply."""
        return self.client.execute_command(*command)

    @answered
    def features(self, cidade: str | None = None) -> list[Features]:
        """Return the features of every key, or of one city and its municipalities, by key."""
        if cidade is None:
            pattern = _literal(self._prefix) + "*"
            keys = self._hashes(pattern)
        else:
            pattern = _literal(self._key(cidade)) + "/??"
            keys = self._hashes(pattern)
            keys.add(self._key(cidade))
        names = sorted(k for k in keys if ":" not in k.removeprefix(self._prefix))
        found = []
        for start in range(0, len(names), 1000):
            pipeline = self.client.pipeline(transaction=False)
            for key in names[start : start + 1000]:
                pipeline.hgetall(key)
            for key, values in zip(names[start : start + 1000], pipeline.execute(), strict=True):
                if values.keys() >= FIELDS:
                    found.append(_features(key.removeprefix(self._prefix), values))
        return found

    def _hashes(self, pattern: str) -> set[str]:
        found = self.client.scan_iter(pattern, 5000, _type="hash")
        return {key.decode(errors="surrogateescape") for key in found}

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _increments(self, commit: Commit) -> dict[str, tuple[Decimal, int]]:
        """Return what is added to each key: each municipality, and the city's name over all states."""
        added: dict[str, tuple[Decimal, int]] = {}
        for (cidade, estado), (capital, companies) in sorted(commit.increments.items()):
            for key in (self._key(cidade), self._key(f"{cidade}/{estado}")):
                before = added.get(key, (Decimal(0), 0))
                added[key] = (before[0] + capital, before[1] + companies)
        return added


def connect(settings: Settings, *, retries: int = RETRIES) -> Store:
    """Return the store of these settings, on the server of its own where no URL is set."""
    given = settings.redis_url
    url = given.get_secret_value() if given is not None else server.url(settings.redis_dir)
    return Store(url, settings, retries=retries)


@contextmanager
def _ours(key: str) -> Iterator[None]:
    """Name the key where its value turns out not to be the service's."""
    try:
        yield
    except redis.ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        raise KeyRefused(f"key {key!r} holds another kind of value; move or delete it") from None
    except (ValueError, TypeError):
        raise KeyRefused(f"key {key!r} holds a value that is not ours; move or delete it") from None


def dump(record: Record) -> str:
    """Return a record as it is stored."""
    return json.dumps(asdict(record), ensure_ascii=False, separators=(",", ":"))


def _features(name: str, values: dict[bytes, bytes]) -> Features:
    cidade, _, estado = name.partition("/")
    text: dict[str, Any] = {k.decode(): v.decode() for k, v in values.items()}
    return Features(
        key=name,
        cidade=cidade,
        estado=estado or None,
        capital_social_total=Decimal(text["capital_social_total"]),
        quantidade_empresas=int(text["quantidade_empresas"]),
        capital_social_medio=Decimal(text["capital_social_medio"]),
        atualizado_em=text["atualizado_em"],
    )


def _literal(text: str) -> str:
    """Escape what SCAN's patterns would expand."""
    return "".join(f"\\{c}" if c in "\\*?[]^-" else c for c in text)
