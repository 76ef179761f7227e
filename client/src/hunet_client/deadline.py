"""The point in time by which a scan must be done."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """Set once per scan; every call downstream is given what is left."""

    total_s: float
    expires_at: float

    @classmethod
    def after(cls, total_s: float) -> Deadline:
        return cls(total_s=total_s, expires_at=time.monotonic() + total_s)

    def remaining_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.expires_at - time.monotonic())
