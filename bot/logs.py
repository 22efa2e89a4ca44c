"""Logging: one format for our own lines and those of libraries; ids only, never a token or message content."""

import asyncio
import logging
import re
import sys
import traceback
import warnings
from collections.abc import MutableMapping
from typing import Any

import structlog

from crm_core.monitoring.security_log import FIELDS

# No word boundary in front: in addresses a token follows the letters `bot`.
TOKEN = re.compile(r"\d{6,}:[\w-]{30,}")
API_KEY = re.compile(r"(mc[ks]_\w{8})\w{8,}")  # its prefix is public, and says which key it was
SECRET_HEADERS = re.compile(r"(?i)(secret[_-]?token|authorization|x-api-key)(\W{1,4})\S+")


def mask(text: str) -> str:
    """The text with every token, key and secret header masked."""
    return SECRET_HEADERS.sub(r"\1\2***", API_KEY.sub(r"\1***", TOKEN.sub("***", text)))


def describe_error(error: BaseException) -> str:
    """An exception as types and places only: messages of libraries quote requests, addresses and message content."""
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
    return {key: _masked(value) for key, value in event.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list | tuple) else value


class _OthersOnlyWarn(logging.Filter):
    """Libraries log warnings and above only: on lower levels they quote every statement, with message content."""

    def filter(self, record: logging.LogRecord) -> bool:
        return isinstance(record.msg, dict) or record.levelno >= logging.WARNING


def _without_quotes(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops the text of a library's line with an exception, since it quotes it; logger and kind of error remain."""
    if event.get("exc_info"):
        event["event"] = "library_error"
    return event


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Logs Python's warnings as kinds and places: those of aiogram quote whole updates."""
    where = f"{filename.rsplit('/', 1)[-1]}:{lineno}"
    structlog.get_logger("warnings").warning("python_warning", kind=category.__name__, where=where)


def report_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's handler of errors that nobody awaited; its default would quote them."""
    error = context.get("exception")
    structlog.get_logger("loop").error(
        "unexpected", error=describe_error(error) if error is not None else context.get("message")
    )


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
            foreign_pre_chain=[_without_quotes, structlog.stdlib.ExtraAdder(allow=FIELDS), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    handler.addFilter(_OthersOnlyWarn())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log every request or quote updates; what matters is logged here.
    for name, at_least in (
        ("aiogram", "CRITICAL"),
        ("aiohttp", "ERROR"),
        ("aiosqlite", "WARNING"),
        ("sqlalchemy", "WARNING"),
    ):
        logging.getLogger(name).setLevel(at_least)
    warnings.showwarning = _show_warning
