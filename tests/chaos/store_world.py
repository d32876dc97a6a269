"""A bucket behind a proxy, and what has to be counted in it."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import md5
from uuid import uuid4

from pyspark.sql import SparkSession

from streaming.jobs import audit, rebuild
from streaming.landing import places, quarantine
from streaming.landing.bucket import Bucket
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from tests import object_store, oracle
from tests.chaos.world import Difference, Rows, World
from tests.harness import Program, Service, row
from tests.object_store import ObjectStore
from tests.proxy import Proxy
from tests.store_proxy import StoreProxy

SECRETS = (object_store.SECRET, object_store.ACCESS, "X-Amz", "Signature", "Credential=")


class StoreWorld:
    """
    One zone in a bucket, with ARCHIVE=on, and the Redis of a world.

    `owed` are the contents that have to be counted, by their MD5, which is the ETag of an object and of
    its copies: a record tells by it what was read, whatever its path is.
    """

    def __init__(self, world: World, store: ObjectStore, **settings: object) -> None:
        self.world = world
        self.proxy = StoreProxy(store.endpoint)
        self.redis_proxy = Proxy("127.0.0.1", int(world.url.rpartition(":")[2].partition("/")[0]))
        url = f"s3://{store.bucket()}/zona norte"
        self.bucket = Bucket(url, store.endpoint)
        self.settings: Settings = world.settings.model_copy(
            update={
                "landing_zone": url,
                "landing_zone_endpoint": self.proxy.endpoint,
                "checkpoints": world.directory / uuid4().hex,
                **settings,
            }
        )
        self.settings.checkpoints.mkdir()
        self.archives = True
        self.owed: dict[str, str] = {}
        self._rejected: dict[str, int] = {}
        self.lines: set[str] = set()
        """The errors that people saw."""
        world.redis.flushall()

    @property
    def spark(self) -> SparkSession:
        """The Spark of all cases."""
        return self.world.service.spark

    @property
    def service(self) -> Service:
        """The service in this process, past the proxies."""
        return Service(self.spark, self.direct, self.world.url)

    @property
    def direct(self) -> Settings:
        """The settings of a service that asks the store past the proxy."""
        changes = {"landing_zone_endpoint": self.bucket.endpoint, "archive": self.archives}
        return self.settings.model_copy(update=changes)

    @property
    def program(self) -> Program:
        """The program, behind both proxies."""
        environment = {
            "REDIS_URL": self.redis_proxy.url,
            "LANDING_ZONE": self.bucket.url,
            "LANDING_ZONE_ENDPOINT": self.proxy.endpoint,
            "CHECKPOINTS": str(self.settings.checkpoints),
            "ARCHIVE": "on" if self.archives else "off",
            "LOG_LEVEL": "warning",
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        }
        if self.settings.quarantine is not None:
            environment["QUARANTINE"] = str(self.settings.quarantine)
        made = Program(self.world.directory, environment)
        made.inside.spark = self.spark
        return made

    def put(
        self,
        name: str | None = None,
        rows: Sequence[oracle.Row] | None = None,
        rejected: int | None = None,
    ) -> str:
        """Put an object that has to be counted, with some rows to be rejected; return its name."""
        name = name or f"{uuid4().hex[:8]}.csv"
        rows = self.world.rows(self.world.random.randint(5, 20)) if rows is None else rows
        self._put(name, rows, self.world.random.randrange(3) if rejected is None else rejected)
        return name

    def _put(self, name: str, rows: Sequence[oracle.Row], rejected: int) -> None:
        bad = [row(n, "-1.00") for n in range(rejected)]
        content = oracle.text([*rows, *bad]).encode()
        tag = md5(content, usedforsecurity=False).hexdigest()
        self.owed[tag] = oracle.text(rows)
        self._rejected[tag] = len(bad)
        self.bucket.store.put(name, content)

    def replace(self, name: str) -> None:
        """Put other content of the same size over an object; the one before is owed no more."""
        before = self.bucket.store.get(name).bytes().to_bytes()
        text = self.owed.pop(md5(before, usedforsecurity=False).hexdigest())
        # Another last digit of each row's capital, so the same companies with other sums.
        rows = (line.split(",") for line in text.splitlines()[1:])
        altered = [(r[0], r[1], r[2], r[3], f"{r[4][:-1]}{(int(r[4][-1]) + 1) % 10}") for r in rows]
        self._put(name, altered, before.count(b"\n") - len(altered) - 1)

    def run(self, code: int = 0, **environment: str) -> list[str]:
        """Run the program to its end; return the lines of its log, in which nothing is secret."""
        done = self.program.inside("run", code=code, **environment)
        for secret in SECRETS:
            if secret in done.stderr or secret in done.stdout:
                raise Difference(f"{secret!r} is shown: {done.stdout}\n{done.stderr}")
        if "Traceback" in done.stderr:
            raise Difference(done.stderr)
        return done.stderr.splitlines()

    def refused(self, **environment: str) -> str:
        """Run the program, which has to fail with one line; return that."""
        lines = self.run(code=1, **environment)
        errors = [line for line in lines if line.startswith("error")]
        if len(errors) != 1 or lines[-1:] != errors:
            raise Difference(f"not one line: {lines}")
        self.lines.add(errors[0].replace(self.bucket.url, "s3://…"))
        return errors[0]

    def rebuild(self) -> None:
        """Rebuild in this process, past the proxies."""
        stop = threading.Event()
        rebuild.Rebuild(
            self.direct, self.service.store(), lambda: self.spark, stop, lambda _: None
        ).run()

    def check(self, *, moving: bool = False) -> None:
        """
        Assert that each content owed was counted once and is there; so says the audit, too.

        Rejected rows that were `moving` may be there under both names.
        """
        records = self.service.records()
        tags = sorted(r["tag"] for r in records.values())
        if tags != sorted(self.owed):
            raise Difference(f"counted {records}, owed {self.owed}")
        ordered = sorted(records.items(), key=lambda r: (r[1]["version"], r[1]["order"]))
        self.service.holds(*(self.owed[r["tag"]] for _, r in ordered))
        held = {o["path"]: str(o["e_tag"]).strip('"') for o in self.bucket.store.list().collect()}
        if lost := self.owed.keys() - set(held.values()):
            raise Difference(f"lost: {[self.owed[tag] for tag in lost]}; there is {held}")
        rejected = sum(1 for _ in quarantine.rows(places.quarantine(self.direct)))
        expected = sum(self._rejected[tag] for tag in self.owed)
        if rejected < expected or (rejected > expected and not moving):
            raise Difference(f"{rejected} rejected rows are kept, of {expected}")
        found = audit.compare(self.direct, self.service.store(), lambda: self.spark)
        if found.differences or found.notes:
            raise Difference(f"audit: {found}")
        self.world.checks += 1

    def archived(self) -> None:
        """Assert that every record is of an object in the archive, and that nothing waits."""
        paths = {o["path"] for o in self.bucket.store.list().collect()}
        objects = {path for path in paths if not path.startswith("_quarantine/")}
        records = self.service.records()
        landed = [path for path in objects if not path.startswith("_archive/")]
        waits = waiting(self.direct, self.service.store())
        # Copies of killed movers stay for an hour.
        if landed or waits or not records.keys() <= objects:
            raise Difference(f"there is {sorted(objects)}, {waits} wait, recorded {sorted(records)}")

    def finish(self) -> None:
        """Let the faults end and the program run: all is counted, whole, and in the archive."""
        self.proxy.calm()
        self.redis_proxy.calm()
        self.run()
        self.check()
        if self.archives:
            self.archived()

    def end(self) -> None:
        """Close the proxies."""
        self.proxy.close()
        self.redis_proxy.close()


def tried(world: World, count: int, faults: Mapping[str, Callable[[StoreWorld], None]]) -> Rows:
    """Try each fault so often, in a bucket and a Redis of its own; a run to the end makes all good."""
    rows: Rows = {}
    with object_store.running() as started:
        for number, (name, fault) in enumerate(faults.items()):
            checks, lines = world.checks, set()
            for done in range(count):
                own = StoreWorld(world, started)
                try:
                    fault(own)
                    own.finish()
                finally:
                    own.end()
                lines |= own.lines
                world.progress(number * count + done + 1, len(faults) * count)
            errors = "; ".join(f"exit 1, “{line}”" for line in sorted(lines))
            found = f"0 differences in {world.checks - checks} comparisons and audits"
            rows[name] = count, f"{found}; {errors}" if errors else found
    return rows
