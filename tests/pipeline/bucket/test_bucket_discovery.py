"""What is handed out to a query that follows a bucket."""

import threading

from streaming.landing.bucket import Bucket
from streaming.landing.bucket_settling import BucketSettling
from streaming.pipeline import archive
from streaming.pipeline.aside import Aside
from streaming.pipeline.discovery import Discovery
from streaming.pipeline.journal import Journal
from streaming.settings import Settings
from streaming.store.store import Store
from tests.pipeline.bucket.moves import count, land


def test_archived_objects_that_redis_lost_come_before_newer_ones(
    settings: Settings, store: Store, bucket: Bucket
) -> None:
    count(store, land(settings, "b.csv"))
    assert archive.of(settings, store).sweep() == 1
    store.client.flushall()
    newer = land(settings, "a.csv")
    discovery = Discovery(settings, store, BucketSettling(), Aside(), Journal(), threading.Event())

    assert discovery.next(30) == [*bucket.archived(), newer]
