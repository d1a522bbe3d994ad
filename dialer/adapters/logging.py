"""The daemon's words: structlog, JSON or console, on standard error, without personal data."""

import logging
import re
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_NUMBER = re.compile(r"\+?[0-9][0-9 ]{6,}[0-9]")
_PERSONAL = frozenset(
    {"name", "debtor_name", "number", "phone_number", "caller_id", "note", "address", "tax_code", "pec"}
)


def configure(form: Literal["json", "console"], level: str, stream: TextIO | None = None) -> None:
    """Set up the loggers of this process, on `stream` or standard error; other libraries' words go the same way."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    set_level(level)
    for noisy in ("alembic", "aiohttp.access", "aiosqlite", "asyncio", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """What is said from now on: this and what is graver."""
    logging.getLogger().setLevel(level.upper())


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No personal data: fields that hold it are masked, and so is any text that looks like a telephone number."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: Any) -> Any:
    if key in _PERSONAL:
        return "[redacted]"
    if key != "timestamp" and isinstance(value, str):
        return _NUMBER.sub("[number]", value)
    return value
