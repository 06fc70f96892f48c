"""Structured logs that cannot carry a patient's values.

Only this project's own events are written in words, and they take their details from a short list
of fields. Of any other library's record, and of every exception, only the type and the place in
the code are kept: their texts may repeat what a client sent.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

_FIELDS = (
    "route",
    "problem",
    "status",
    "study",
    "version",
    "digest",
    "pid",
    "workers",
    "host",
    "port",
    "models",
    "request",
    "trace",
)
_OURS = "rxplain"


class PrivateFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, allowed details, error type and place."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name == _OURS or record.name.startswith(_OURS + ".")
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg) if ours else "a library's record; its text is left out",
        }
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["at"] = _places(record.exc_info[2])
        return json.dumps(line, default=str)


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-4:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]


def configure_logs(level: int = logging.INFO) -> None:
    """Send every logger of the process through the private formatter to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrivateFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    logging.captureWarnings(True)
