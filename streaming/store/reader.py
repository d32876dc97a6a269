"""Reading what is in Redis: the features, and the version that they are of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

from streaming.chunks import batched
from streaming.domain import catalogue, features
from streaming.domain.cells import UFS
from streaming.domain.features import FIELDS, Features
from streaming.domain.groups import FeatureGroup, Ranking
from streaming.settings import Settings
from streaming.store import client, formats, keys
from streaming.store.script_runner import naming

RETRIES = 8  # about 10 seconds of a Redis that restarts or fails over
PATIENCE = 30.0  # seconds for one reply
KEYS_AT_ONCE = 1000

P = ParamSpec("P")
R = TypeVar("R")
ReaderT = TypeVar("ReaderT", bound="Reader")


class Moment(NamedTuple):
    """What was in Redis at one moment: version, commit id, hashes by key, the scores of a ranking."""

    version: int
    commit: str
    hashes: dict[str, dict[str, str]]
    scores: dict[str, float]


def answered(
    method: Callable[Concatenate[ReaderT, P], R],
) -> Callable[Concatenate[ReaderT, P], R]:
    """Turn the client's errors into ours, which name the server and never the password."""

    @wraps(method)
    def call(self: ReaderT, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.translated():
            return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]  # mypy: functools.wraps forgets that self is positional


class Reader:
    """
    What is in one Redis, for reading.

    Every method raises RedisUnavailable when Redis does not answer within the retries, and
    RedisRefused when it answers with an error.
    """

    def __init__(
        self, url: str, settings: Settings, *, retries: int = RETRIES, patience: float = PATIENCE
    ) -> None:
        self.place = settings.redis_place
        self._prefix = settings.feature_prefix
        self.client = client.connect(url, retries, patience)

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
            return _position(number, last)

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
    def features(self, cidade: str | None = None) -> list[Features]:
        """
        Return the features of every key that has all of them, in the order of the keys.

        Of one city, only its own keys are read: its name, and its municipality in each state.
        """
        groups = features.groups()
        if cidade is None:
            names = self.keys("*", kind="hash")
            hashes = self._hashes(name for name in names if catalogue.group_of(name) in groups)
        else:
            named = [g for g in groups if "cidade" in g.dimensions]
            places = [{"cidade": cidade, "estado": estado} for estado in UFS]
            hashes = self._hashes({g.key_of(place) for g in named for place in places})
        shown = []
        for key, values in hashes.items():
            group = catalogue.group_of(key)
            if group is not None and values.keys() >= set(FIELDS):
                with naming(self.key(key)):
                    shown.append(Features.of(group, key, values))
        return shown

    @answered
    def hashes(self) -> dict[str, dict[str, str]]:
        """
        Return every key of features with its fields, a ranking with its scores by member.

        Also returned is every hash with a field of ours that has what may be a city's name.
        """
        names = self.keys("*", kind="hash")
        hashes = self._hashes(name for name in names if ":" not in name or catalogue.group_of(name))
        ours = {*catalogue.CITY.fields, *catalogue.MUNICIPALITY.fields}
        kept = {key: values for key, values in hashes.items() if ":" in key or values.keys() & ours}
        for ranking in catalogue.RANKINGS:
            if scores := self.scores(ranking):
                kept[ranking.key] = {member: repr(score) for member, score in scores.items()}
        return kept

    @answered
    def hash(self, key: str) -> dict[str, str]:
        """Return the fields of one key; none where there is no such key."""
        return self._hashes([key])[key]

    @answered
    def group_hashes(self, group: FeatureGroup) -> dict[str, dict[str, str]]:
        """Return the keys of one group with their fields."""
        names = self.keys("*", kind="hash")
        return self._hashes(name for name in names if group.parse(name) is not None)

    @answered
    def scores(self, ranking: Ranking) -> dict[str, float]:
        """Return the members of a ranking with their scores, the highest first."""
        key = self.key(ranking.key)
        with naming(key):
            return _scores(self.client.zrange(key, 0, -1, withscores=True))

    @answered
    def moment(self, names: Iterable[str], ranking: Ranking) -> Moment:
        """
        Return these hashes and the members of a ranking, all of one and the same version.

        One transaction reads them, so whoever writes waits meanwhile: about 0.1 s for the features of
        all municipalities with the months of two years.
        """
        names = list(names)
        transaction = self.client.pipeline(transaction=True)
        transaction.mget(self.key(keys.VERSION), self.key(keys.COMMIT))
        transaction.zrange(self.key(ranking.key), 0, -1, withscores=True)
        for name in names:
            transaction.hgetall(self.key(name))
        position, scores, *hashes = transaction.execute()
        values = map(_texts, hashes)
        return Moment(*_position(*position), dict(zip(names, values, strict=True)), _scores(scores))

    def _hashes(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the hashes of these names, by name in order."""
        names = sorted(names)
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
                hashes[name] = _texts(values)
        return hashes

    @answered
    def keys(self, pattern: str, *, kind: str | None = None) -> set[str]:
        """Return the keys, less the prefix, that fit a pattern as SCAN has it."""
        names = self.client.scan_iter(_literal(self._prefix) + pattern, 5000, _type=kind)
        return {text(name).removeprefix(self._prefix) for name in names}

    def within(self, name: str) -> Self:
        """Return the store of a namespace inside this one, on the same connections."""
        inner = copy(self)
        inner._prefix = self.key(name)
        return inner

    def key(self, name: str) -> str:
        """Return the key of this name, as Redis has it."""
        return self._prefix + name


def text(value: bytes) -> str:
    """Return bytes of Redis as text, also where they are no UTF-8."""
    return value.decode(errors="surrogateescape")


def _texts(values: Mapping[bytes, bytes]) -> dict[str, str]:
    return {text(field): text(value) for field, value in values.items()}


def _scores(ascending: Sequence[tuple[bytes, Any]]) -> dict[str, float]:
    """Return scores by member, the highest first; `desc=True` would be ZREVRANGE, one more right."""
    return {text(member): float(score) for member, score in reversed(ascending)}


def _position(number: bytes | None, last: bytes | None) -> tuple[int, str]:
    return int(number or 0), (last or b"").decode()


def _literal(text: str) -> str:
    """Escape what SCAN's patterns would expand."""
    return "".join(f"\\{c}" if c in "\\*?[]^-" else c for c in text)
