"""The lease under which batches are ingested: taken before each one, and again where it was lost."""

from collections.abc import Callable
from typing import TypeVar, cast

import structlog
import tenacity

from streaming.errors import LeaseLost
from streaming.store.lease import Lease

ATTEMPTS = 20

T = TypeVar("T")

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.tenure")


class Tenure:
    """The lease of a landing zone, as those who ingest need it."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    def during(self, work: Callable[[], T]) -> T:
        """
        Return what the work comes to under the lease; it is done again where the lease was lost.

        It does not begin while a rebuild is under way.

        Raises:
            LeaseLost: it was lost at each of ATTEMPTS attempts.
            Stopped: it was told to stop while another process had the lease, or rebuilt.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(LeaseLost),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            before_sleep=lambda state: log.warning(
                "recomputing under a new lease", why=str(state.outcome and state.outcome.exception())
            ),
            reraise=True,
        )
        return cast(T, retrying(self._attempt, work))

    def _attempt(self, work: Callable[[], T]) -> T:
        self._lease.take(for_batch=True)
        return work()
