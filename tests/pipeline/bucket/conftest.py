"""A service whose landing zone is a bucket, with an archive."""

import pytest

from streaming.landing.bucket import Bucket
from streaming.settings import Settings


@pytest.fixture
def zone_kind() -> str:
    return "bucket"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"archive": True})


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    return Bucket(str(settings.landing_zone), settings.landing_zone_endpoint)
