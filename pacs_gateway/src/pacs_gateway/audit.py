"""Who sent what, and what was returned: JSON lines with UIDs, AE titles and addresses, never a patient's name."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_REPEATED_S = 60.0
_REPEATED_KEPT = 1000


class AuditLog:
    """One file, only ever appended to; a line is on the disk when `write` returns. A repeated step repeats its line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        # Of each repeated line when it was last written, and how often it was left out since.
        self._repeated: dict[tuple[str, ...], tuple[float, int]] = {}

    def write(self, event: str, **facts: Any) -> None:
        """`facts`: JSON values. Received strings only where they were checked: AE titles, UIDs, addresses."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event} | facts, sort_keys=False) + "\n"
        with self._lock:
            os.write(self._descriptor, line.encode())
            os.fsync(self._descriptor)

    def write_rejection(self, event: str, **facts: str) -> None:
        """`write`, but the same line at most once a minute, with the number of those left out before it as `more`.

        Whoever is turned away may come as often as he likes, and must not fill the disk.
        """
        key = (event, *facts.values())
        with self._lock:
            last, more = self._repeated.pop(key, (-_REPEATED_S, 0))
            is_due = time.monotonic() - last >= _REPEATED_S
            self._repeated[key] = (time.monotonic(), 0) if is_due else (last, more + 1)
            if len(self._repeated) > _REPEATED_KEPT:
                self._repeated.pop(next(iter(self._repeated)))
        if is_due:
            self.write(event, **facts, **({"more": more} if more else {}))

    def close(self) -> None:
        os.close(self._descriptor)
