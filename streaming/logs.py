"""Logs on stderr: console text for people, JSON lines for machines."""

import logging
import sys
from uuid import uuid4

import structlog

from streaming.settings import Settings
from streaming.streams import takes_unicode


def configure(settings: Settings) -> None:
    """
    Write logs as the settings say; results stay alone on stdout.

    Every line has the id of the run: RUN_ID, or eight random characters.
    """
    run = settings.run_id or uuid4().hex[:8]

    def name_run(
        _logger: object, _level: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        # No context variable: threads that Spark's callbacks come in on would not have it.
        return {**line, "run": run}

    renderer: structlog.typing.Processor
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=not takes_unicode(sys.stderr))
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    structlog.configure(
        processors=[
            name_run,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
