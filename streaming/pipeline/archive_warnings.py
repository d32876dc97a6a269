"""
Warns that the archive cannot be used: of one error once in a while, not at every sweep.

An always-on service sweeps after every batch, and would log the same read-only directory for ever.
"""

import time
from pathlib import Path

import structlog

from streaming.landing.moving import DIRECTORY

REPEAT_SECONDS = 600.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.pipeline.archive")
_last_warnings: dict[tuple[Path, int | None], float] = {}


def warn(landing_zone: Path, error: OSError) -> None:
    """Warn that the archive cannot be used; of the same error once in REPEAT_SECONDS."""
    archive, reason = landing_zone / DIRECTORY, error.strerror or str(error)
    last = _last_warnings.get((archive, error.errno))
    if last is None or time.monotonic() - last >= REPEAT_SECONDS:
        _last_warnings[archive, error.errno] = time.monotonic()
        log.warning(
            "not archived: its files stay where they are, and stay counted; a later run tries again. "
            "Make the archive writable, or set ARCHIVE=off",
            archive=str(archive),
            reason=f"{error.filename}: {reason}" if error.filename else reason,
        )
