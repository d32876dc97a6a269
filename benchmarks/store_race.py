"""
Times `city-features run` over a bucket and over a directory with the same files, in turn.

`python -m benchmarks.store_race [ROUNDS] [FILESxROWS...]`; else 3 rounds of 10x1000000 and 2000x500.
The bucket is one of SeaweedFS, started here: server and service share the machine. Each pair gives a
ratio; the median and all are printed. Both must leave the same features in Redis.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from benchmarks.arena import SERVICE, Arena
from benchmarks.data import Data
from streaming.landing.bucket import Bucket
from tests.object_store import ENVIRONMENT, ObjectStore, running

SHAPES = ("10x1000000", "2000x500")


def fill(bucket: Bucket, files: Iterable[Path]) -> None:
    """Put files into a bucket."""
    for file in files:
        bucket.store.put(file.name, file)


def features(arena: Arena) -> str:
    """Return a digest of all features, without the instants of their commits."""
    digest = hashlib.sha256()
    for key in sorted(arena.redis.scan_iter(_type="hash", count=1000)):
        if not key.startswith("ingest:"):
            fields = arena.redis.hgetall(key)
            fields.pop("atualizado_em", None)
            digest.update(repr((key, sorted(fields.items()))).encode())
    return digest.hexdigest()


def race(arena: Arena, server: ObjectStore, files: list[Path]) -> tuple[float, float]:
    """Run over the directory, then over a bucket of its own; return the seconds of both."""
    arena.clear()
    arena.land(files)
    for name in ("LANDING_ZONE_ENDPOINT", *ENVIRONMENT):
        arena.environment.pop(name, None)
    local = arena.run(SERVICE).seconds
    expected = features(arena)
    arena.clear()
    url = f"s3://{server.bucket()}/landing"
    fill(Bucket(url, server.endpoint), files)
    time.sleep(1)
    landing_zone = arena.environment["LANDING_ZONE"]
    arena.environment |= ENVIRONMENT | {"LANDING_ZONE": url, "LANDING_ZONE_ENDPOINT": server.endpoint}
    try:
        remote = arena.run(SERVICE).seconds
    finally:
        arena.environment["LANDING_ZONE"] = landing_zone
    if features(arena) != expected:
        raise SystemExit("the bucket's features are not those of the directory")
    return local, remote


def main(rounds: int, shapes: Iterable[str]) -> None:
    """Print the medians of each shape, and the ratio of each pair."""
    os.environ |= ENVIRONMENT
    with tempfile.TemporaryDirectory() as directory, running() as server:
        arena = Arena(Path(directory) / "arena")
        try:
            for shape in shapes:
                count, rows = map(int, shape.split("x"))
                files = Data(count, rows).write(Path(directory) / shape)
                pairs = [race(arena, server, files) for _ in range(rounds)]
                ratios = sorted(remote / local for local, remote in pairs)
                print(  # noqa: T201
                    f"{shape}: directory {median(p[0] for p in pairs):.1f} s, "
                    f"bucket {median(p[1] for p in pairs):.1f} s, ratio {median(ratios):.2f} "
                    f"({', '.join(f'{ratio:.2f}' for ratio in ratios)})",
                    flush=True,
                )
        finally:
            arena.close()


if __name__ == "__main__":
    given_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    main(given_rounds, sys.argv[2:] or SHAPES)
