"""Logging: lines for people or JSON for machines, from our code and from the libraries alike."""

import logging
import logging.config
from typing import Any

import structlog
from celery._state import get_current_task

from beat_schedule import HABITS
from workers.continuation import AFTER_PROJECTED
from workers.settings import current_settings

QUIET = ("kombu", "amqp", "sqlalchemy", "alembic", "celery.redirected", "celery.beat")
# What the beat starts every second, what comes back every half of one, and what an event rings for.
TICKS = frozenset({AFTER_PROJECTED, "deliveries.deliver", *(task for task, _, _ in HABITS)})


def name_the_task(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Say on whose behalf a line was written: within a command task its id is the command's."""
    task = get_current_task()
    if task is not None:
        event.setdefault("task", task.name)
        event.setdefault("task_id", task.request.id)
    return event


def worth_a_line(record: logging.LogRecord) -> bool:
    """Pass over the comings and goings of what nobody asked for."""
    about = getattr(record, "data", None)
    tick = isinstance(about, dict) and about.get("name") in TICKS
    return not tick or record.levelno > logging.INFO


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    name_the_task,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure_logging() -> None:
    """Send everything through one formatter to standard error."""
    settings = current_settings()
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"ours": {"()": formatter, "style": settings.log_format}},
            "filters": {"ticks": {"()": lambda: worth_a_line}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "ours",
                    "filters": ["ticks"],
                }
            },
            "root": {"handlers": ["stderr"], "level": settings.log_level},
            "loggers": {name: {"level": "WARNING"} for name in QUIET},
        }
    )


def formatter(style: str) -> logging.Formatter:
    renderer: Any = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
