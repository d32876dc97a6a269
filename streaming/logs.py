"""Logs on stderr: console text for people, JSON lines for machines."""

import logging
import sys

import structlog

from streaming.settings import Settings
from streaming.streams import takes_unicode


def configure(settings: Settings) -> None:
    """Write logs as the settings say; results stay alone on stdout."""
    renderer: structlog.typing.Processor
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=not takes_unicode(sys.stderr))
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
