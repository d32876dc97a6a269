"""Redis: the features, the ledger and the records of files, changed together or not at all."""

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict
from typing import Self

from streaming.chunks import batched
from streaming.domain import ledger
from streaming.domain.file import File
from streaming.domain.records import Commit, LastAudit, Record, load, record_prefix
from streaming.settings import Settings
from streaming.store import keys, local_server, merge
from streaming.store.reader import KEYS_AT_ONCE, PATIENCE, RETRIES, Reader, answered, text
from streaming.store.replicas import Replicas
from streaming.store.script_runner import Scripts, naming, packed

BLOCKS_AT_ONCE = 500
RECORDS_AT_ONCE = 10_000


class Store(Reader):
    """
    The service's view of one Redis.

    Every method raises RedisUnavailable when Redis does not answer within the retries, and
    RedisRefused when it answers with an error.
    """

    def __init__(
        self, url: str, settings: Settings, *, retries: int = RETRIES, patience: float = PATIENCE
    ) -> None:
        super().__init__(url, settings, retries=retries, patience=patience)
        self._scripts = Scripts(self.client, self.place)
        # The embedded server has no replicas.
        self._replicas = None if settings.redis_url is None else Replicas()
        self.leases: Mapping[str, str] = {}
        """By key, the values of the leases without which nothing is committed."""

    def fenced(self, key: str, value: str) -> Self:
        """Return this store, with commits only while this lease has this value."""
        fenced = copy(self)
        fenced.leases = {**self.leases, key: value}
        return fenced

    @answered
    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """Return the records of these files, of those that have one; of all files for None."""
        key = self.key(keys.FILES)
        with naming(key):
            return self._records(key, paths)

    def _records(self, key: str, paths: Sequence[str] | None) -> dict[str, Record]:
        if paths is None:
            stored = {text(path): value for path, value in self.client.hgetall(key).items()}
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
    def ledger_bytes(self) -> int:
        """Return how many bytes the blocks of the ledger have together."""
        total = 0
        for chunk in batched(sorted(self.keys(keys.LEDGERS)), KEYS_AT_ONCE):
            pipeline = self.client.pipeline(transaction=False)
            for name in chunk:
                pipeline.strlen(self.key(name))
            total += sum(pipeline.execute())
        return total

    @answered
    def last_audit(self) -> LastAudit | None:
        """Return what the last audit found; None where there was none."""
        key = self.key(keys.AUDIT)
        with naming(key):
            stored = self.client.get(key)
            return None if stored is None else LastAudit(**json.loads(stored))

    @answered
    def note_audit(self, audit: LastAudit) -> None:
        """Keep what an audit found; raises KeyRefused where the key holds another kind of value."""
        key = self.key(keys.AUDIT)
        with naming(key):  # with GET, a value of another kind is an error and stays
            self.client.set(key, json.dumps(asdict(audit)), get=True)

    @answered
    def merge(self, commit: Commit) -> int:
        """
        Apply one batch: features, ledger and records together, or nothing.

        Returns:
            The new version.

        Raises:
            Conflict: the version is no longer the expected one; nothing was written.
            LeaseLost: a lease of this store (`fenced`) is not held; nothing was written.
            KeyRefused: a key holds something else, or a sum would no longer be exact; nothing was
                written.
        """
        names, argument = merge.call(commit, self.key, self.leases)
        if self._replicas is None:
            return int(self.script("merge", names, argument))
        with self.client.client() as connection:  # a replica is waited for on the one that wrote
            version = int(self._scripts.run("merge", names, argument, connection))
            self._replicas.wait(connection, version)
        return version

    @answered
    def refile(self, moves: Sequence[tuple[File, File]]) -> list[bool]:
        """
        Move the records of files to other paths, all at once; each has the new file's identity then.

        Returns:
            Of each move whether it was made: not where the record is gone, or of another version.
        """
        if not moves:
            return []
        flat = [
            part
            for old, new in moves
            for part in (old.path, record_prefix(old), new.path, record_prefix(new))
        ]
        done = self.script("refile", [self.key(keys.FILES)], packed(flat))
        return [moved == "1" for moved in done]

    @answered
    def script(self, name: str, names: Sequence[str], argument: bytes) -> str:
        """Run one of the service's scripts over these keys, as `Scripts.run` does."""
        return self._scripts.run(name, names, argument)


def connect(settings: Settings, *, retries: int = RETRIES, patience: float = PATIENCE) -> Store:
    """Return the store of these settings, on the embedded server where no URL is set."""
    secret = settings.redis_url
    url = secret.get_secret_value() if secret is not None else local_server.url(settings.redis_dir)
    return Store(url, settings, retries=retries, patience=patience)


def revive(settings: Settings) -> None:
    """Start the embedded server again, if it is in use and has ended."""
    if settings.redis_url is None:
        local_server.url(settings.redis_dir)
