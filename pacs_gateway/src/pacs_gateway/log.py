"""The gateway's own log: plain lines, without anything that an exception's text may have picked up from a data set."""

from __future__ import annotations

import logging
import traceback
import warnings
from typing import Any

import pydicom.config
from hunet_protocol.tracing import trace_id

# They quote what they received.
_QUOTING = ("pynetdicom", "pydicom", "python_multipart")


class KindOnlyFormatter(logging.Formatter):
    """Of an exception: its kinds along the chain of causes, where it was raised. A trace's id where there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        trace = trace_id()
        return super().formatMessage(record) + (f" trace_id={trace}" if trace else "")

    def formatException(self, ei: Any) -> str:  # noqa: N802
        lines = []
        error: BaseException | None = ei[1]
        while error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames[-4:]))
            lines.append(f"  {type(error).__name__} at {where}")
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


def set_up_logging(level: str) -> None:
    """For the whole process: its loggers, and the libraries that would speak past them."""
    handler = logging.StreamHandler()
    handler.setFormatter(KindOnlyFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="pydicom")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
