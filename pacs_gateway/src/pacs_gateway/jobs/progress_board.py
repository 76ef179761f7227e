"""How far the scans that are being segmented have come; a gateway that begins anew knows nothing of it."""

from __future__ import annotations

import threading


class ProgressBoard:
    """Slices done and slices in all, by study; written by jobs, read by whoever watches."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def put(self, study_id: str, done: int, total: int) -> None:
        with self._lock:
            self._counts[study_id] = (done, total)

    def get(self, study_id: str) -> tuple[int, int] | None:
        with self._lock:
            return self._counts.get(study_id)

    def forget(self, study_id: str) -> None:
        with self._lock:
            self._counts.pop(study_id, None)
