"""Who sent what, and what was returned: JSON lines with UIDs, AE titles and addresses, never a patient's name."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class AuditLog:
    """One file, only ever appended to; a line is on the disk when `write` returns. A repeated step repeats its line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """`facts`: JSON values. Received strings only where they were checked: AE titles, UIDs, addresses."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, "event": event} | facts, sort_keys=False) + "\n"
        with self._lock:
            os.write(self._descriptor, line.encode())
            os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
