"""
Warns that the archive cannot be used: of one error once in a while, not at every sweep.

An always-on service sweeps after every batch, and would log the same read-only directory for ever.
"""

import time

import structlog

from streaming.errors import LandingZoneAway
from streaming.landing.names import ARCHIVE

REPEAT_SECONDS = 600.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.archive")
_last_warnings: dict[tuple[str, int | None], float] = {}


def warn(zone: object, error: OSError | LandingZoneAway) -> None:
    """Warn that the archive of a zone cannot be used; of the same error once in REPEAT_SECONDS."""
    archive = f"{zone}/{ARCHIVE}"
    number = error.errno if isinstance(error, OSError) else None
    last = _last_warnings.get((archive, number))
    if last is None or time.monotonic() - last >= REPEAT_SECONDS:
        _last_warnings[archive, number] = time.monotonic()
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        log.warning(
            "not archived: its files stay where they are, and stay counted; a later run tries again. "
            "Make the archive writable, or set ARCHIVE=off",
            archive=archive,
            reason=f"{file}: {reason}" if (file := getattr(error, "filename", None)) else reason,
        )
