"""A zone in a bucket of its own."""

from collections.abc import Iterator

import pytest

from streaming.landing.bucket import Bucket
from tests.object_store import ObjectStore
from tests.store_proxy import StoreProxy


@pytest.fixture
def zone(object_store: ObjectStore) -> Bucket:
    """An empty zone, with a prefix that has to be escaped in URLs."""
    return Bucket(f"s3://{object_store.bucket()}/zoné 100% +a", object_store.endpoint)


@pytest.fixture
def store_proxy(object_store: ObjectStore) -> Iterator[StoreProxy]:
    """A proxy before the object store."""
    made = StoreProxy(object_store.endpoint)
    yield made
    made.close()
