"""Logging: one form for our own lines and those of libraries; ids only, never a token or anybody's words."""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# No word boundary in front: in addresses a token follows the letters `bot`.
TOKEN = re.compile(r"\d{6,}:[\w-]{30,}")
SECRET_HEADERS = re.compile(r"(?i)(secret[_-]?token|authorization|x-api-key)(\W{1,4})\S+")


def mask(text: str) -> str:
    """The text with every token and secret header blotted out."""
    return SECRET_HEADERS.sub(r"\1\2***", TOKEN.sub("***", text))


def describe_error(error: BaseException) -> str:
    """An exception as types and places alone: messages of libraries quote requests, addresses and people's words."""
    parts = []
    current: BaseException | None = error
    while current is not None:
        frames = traceback.extract_tb(current.__traceback__)[-6:]
        where = " < ".join(
            f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
        )
        parts.append(f"{type(current).__name__} at {where}")
        current = current.__cause__ or current.__context__
    return " | caused by ".join(parts)


def _mask_all(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: mask(value) if isinstance(value, str) else value for key, value in event.items()}


def _errors_as_places(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = describe_error(error)
    return event


def set_up_logging(*, level: str = "INFO", form: str = "console") -> None:
    """Sends all log lines to standard error.

    Args:
        level: the least that is shown.
        form: `console` for people, `json` for collectors.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _errors_as_places,
        _mask_all,
    ]
    final: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        final = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These speak of every request or quote updates; what matters of them we log ourselves.
    for name, at_least in (("aiogram", "CRITICAL"), ("aiohttp", "ERROR"), ("apscheduler", "WARNING"), ("uvicorn", "WARNING"),
                           ("asyncio", "WARNING"), ("sqlalchemy", "WARNING"), ("alembic", "WARNING")):  # fmt: skip
        logging.getLogger(name).setLevel(at_least)
    logging.captureWarnings(True)
