"""The daemon's words: structlog, JSON or console, on standard error, without personal data.

That nobody logs a person is a rule for who writes the code; what is here is the last line of defence. A field is said
only under a key that is known to hold none, a text only without what looks like a person's data, and of an error that isn't
ours only its kind and its place: whoever raised it may have quoted what it couldn't read, or write.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from dialer.kernel.errors import DialerError

SAID = frozenset(
    {
        "after", "agent", "attempt", "before", "by", "call", "campaign", "case", "cell", "changed", "ending",
        "error", "event", "exception", "key", "kind", "leg", "level", "limit", "logger", "mode", "phase",
        "reached", "reason", "reasons", "report", "route", "scope", "script", "signal", "state", "timestamp",
        "to", "token", "trunk", "version", "waiting", "watermark", "why", "work",
    }
)  # fmt: skip
"""Keys under which a text is said: they hold no person. A number is said under any key, if it is no telephone's."""
LARGEST = 10_000_000
"""A larger whole number might be a telephone's."""
MOST_FRAMES = 15
_SAFE = frozenset({"timestamp", "exception"})
"""Made here."""
_HIDDEN = "[redacted]"
_ID = r"\bdl[asip]-[0-9a-z]{26}\b"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_NO_NUMBER = rf"20[0-9]{{2}}-[01][0-9]-[0-3][0-9](?![0-9])|{_BYTE}(?:\.{_BYTE}){{3}}(?![0-9.])"  # a day, an address
# what is masked wherever it stands, but for our own ids: telephone numbers, tax codes, IBANs, addresses of mail; and what
# an error quotes, unless it is one word in small letters
_LOOKS_PERSONAL = (
    ("[number]", r"\b(?:sips?|tel):[^\s>;]+"),
    ("[number]", rf"(?<![0-9.])(?!{_NO_NUMBER})\+?[0-9](?:(?:[ ./-]?\(?|\)[ ./-]?)[0-9]){{7,}}"),
    ("[tax code]", r"\b[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z]\b"),
    ("[iban]", r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b"),
    ("[mail]", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("[quoted]", r"""(?<!\w)'(?![a-z0-9_./:-]*')[^'\n]*'(?!\w)"""),
    ("[quoted]", r"""(?<!\w)"(?![a-z0-9_./:-]*")[^"\n]*"(?!\w)"""),
)
_MASKS = tuple((mask, re.compile(f"({_ID})|{pattern}")) for mask, pattern in _LOOKS_PERSONAL)


def configure(form: Literal["json", "console"], level: str, stream: TextIO | None = None) -> None:
    """Set up the loggers of this process, on `stream` or standard error; other libraries' words go the same way."""
    renderer: Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            of_the_call,
            structlog.stdlib.add_log_level,
            stamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, tell_errors, redact, renderer],
            use_get_message=False,  # others' words without what they are about
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


def of_the_call(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Attempt and campaign of what is being done; who speaks of another attempt says so, and of its campaign, itself."""
    bound = get_contextvars()
    same = event.get("attempt", bound.get("attempt")) == bound.get("attempt")
    return {**bound, **event} if same else event


def tell_errors(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An error's kind and place, with its words where they are ours; and how it came about."""
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    error = given if isinstance(given, BaseException) else (given if isinstance(given, tuple) else sys.exc_info())[1]
    if given and error is not None:
        event["exception"] = "\n".join(_trace(error))
    return event


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """No personal data: what is said under an unknown key is hidden, and what looks like a person's is masked."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < LARGEST):
        return value
    if key not in SAID:
        return _HIDDEN
    if key in _SAFE:
        return value
    if isinstance(value, Mapping):
        return {_masked(str(name)): _redacted(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(key, inner) for inner in value]
    return value if isinstance(value, int) else _masked(str(value))


def _masked(text: str) -> str:
    for mask, pattern in _MASKS:
        text = pattern.sub(lambda found, mask=mask: found[1] or mask, text)  # type: ignore[misc]
    return text


def _trace(error: BaseException) -> Iterator[str]:
    """Its place, innermost last; before it what it came from, after it what it holds."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _trace(before)
        yield "and then:"
    for frame in traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
    yield _words(error)
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _trace(inner)


def _words(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, DialerError):
        return f"{kind}: {_masked(str(error))}"
    return f"{kind}: {error.strerror}" if isinstance(error, OSError) and error.strerror else kind
