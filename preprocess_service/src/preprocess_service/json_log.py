"""Log lines as JSON on standard error. No file names, no patient data: a scan is its digest's start."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from hunet_protocol.tracing import trace_id

DIGEST_DIGITS = 12


class JsonFormatter(logging.Formatter):
    """One line a record: time, level, event, and whatever was passed as `extra={"fields": {...}}`, and the trace."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
            **({"trace_id": trace} if (trace := trace_id()) else {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr() -> None:
    """Sends the process's log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
