"""A service whose order of ingestion is not that of its files' times."""

import time

import pytest

from tests.harness import Service, row


@pytest.fixture
def reordered(service: Service) -> Service:
    """Two commits: the first has the newer file, so that only the order of ingestion tells who wins."""
    service.put("z.csv", [row(1, "1.00"), row(2, "2.50"), row(9, "-1")])
    service.run()
    earlier = time.time() - 10 * 24 * 3600
    service.put("a.csv", [row(1, "7.00", "Belém", "PA"), row(3, "0.01", "Belém", "PA")], mtime=earlier)
    service.put("b.csv", [row(3, "5.00"), row(4, "4.00", "Recife", "PE")], mtime=earlier + 1)
    service.run()
    return service
