"""Whether a commit has reached the disk of a replica, so that a failover would not lose it."""

import time
from typing import Any

import redis
import structlog

MILLISECONDS = 1000
"""How long a commit waits for a replica at most."""
PAUSE = 60.0
"""Seconds without a wait after none was of use."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.store.replicas")


class Replicas:
    """
    The replicas of one server.

    Redis before 7.2 does not know the command (WAITAOF), and a user may not have the right to it: then
    nothing is waited for. https://redis.io/docs/latest/commands/waitaof/
    """

    def __init__(self) -> None:
        self._connected = False
        self._due = 0.0

    def wait(self, connection: Any, version: int) -> None:
        """
        Wait until a replica has on disk what this connection wrote; warn where none has in time.

        That the primary has it on disk is not asked: with `appendfsync always` it has.
        """
        if time.monotonic() < self._due:
            return
        self._connected = self._connected or bool(
            int(connection.info("replication").get("connected_slaves", 0))
        )
        if self._connected and self._has_on_disk(connection, version):
            return
        self._connected, self._due = False, time.monotonic() + PAUSE

    def _has_on_disk(self, connection: Any, version: int) -> bool:
        try:
            reached = bool(connection.waitaof(0, 1, MILLISECONDS)[1])
        except redis.ResponseError as error:
            log.debug("replicas are not waited for", why=str(error))
            return False
        if not reached:
            log.warning(
                "no replica has this commit on disk: after a failover now the next run has to repeat it",
                version=version,
                waited_ms=MILLISECONDS,
            )
        return reached
