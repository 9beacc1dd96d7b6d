"""What a log line looks like, and what may not stand in it.

Our own lines name kinds, codes, counts and durations. Two things come from elsewhere and could
carry anything: the messages of exceptions, which quote what they failed on, and the lines of
libraries. Of an exception only its type and place are kept; of a library's line only its template,
without the values.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_log = structlog.get_logger()


class Sink(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


def configure(level: str, sink: Sink | None = None) -> None:
    """Send our lines, and the warnings of libraries, to ``sink``; by default to stderr.

    ``level`` is debug, info, warning or error.
    """
    out: Sink = sys.stderr if sink is None else sink
    number = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Frames without their local variables: those may hold what must not be logged.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        _without_messages,
    ]
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),  # type: ignore[arg-type]  # a TextIO as far as it is used
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[
                _only_the_template,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            # The line's own formatting would put the values in.
            use_get_message=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.WARNING))
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


# What structlog's tracebacks say beside the type and the frames.
_SPEAKING: Final = ("exc_value", "exc_notes", "syntax_error")


def _without_messages(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what an exception was and where; not what it said."""
    if "exception" in event:
        event["exception"] = _stripped(event["exception"])
    return event


def _stripped(chain: object) -> object:
    if not isinstance(chain, list):
        return None
    return [
        {
            **{key: value for key, value in one.items() if key not in _SPEAKING},
            "exceptions": [_stripped(inner) for inner in one.get("exceptions", ())],
        }
        for one in chain
        if isinstance(one, Mapping)
    ]


def _only_the_template(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's line as it stands in its source, before any value is put into it."""
    record = event.get("_record")
    if record is not None and not event.get("_from_structlog"):
        event["event"] = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        for key in ("positional_args", "stack", "stack_info"):
            event.pop(key, None)
    return event


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log.critical("uncaught", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
