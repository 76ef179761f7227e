"""How fast scans go through just now: what somebody who waits can expect."""

from __future__ import annotations

from collections import deque
from statistics import fmean, median

_REMEMBERED = 15


class Pace:
    """Of the last 15: the times between turns while others waited, and how long scans took that had been let in.

    Both are 0 until something was seen, so that nobody is turned away on a guess.
    """

    def __init__(self) -> None:
        self._between_turns_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._scans_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_turn_s: float | None = None

    def note_turn(self, now_s: float, *, others_wait: bool) -> None:
        """Somebody was let in, by a clock of the caller's; the next time counts only if the line does not empty."""
        if self._last_turn_s is not None:
            self._between_turns_s.append(now_s - self._last_turn_s)
        self._last_turn_s = now_s if others_wait else None

    def note_empty_line(self) -> None:
        """Those who waited have left without a turn."""
        self._last_turn_s = None

    def note_scan(self, duration_s: float) -> None:
        """A scan that had been let in is done."""
        self._scans_s.append(duration_s)

    @property
    def scan_s(self) -> float:
        """Seconds that a scan takes from its turn on: the median, which one huge scan does not move."""
        return median(self._scans_s) if self._scans_s else 0.0

    def wait_s(self, ahead: int) -> float:
        """Seconds until the turn of a caller before whom so many others have theirs."""
        return (ahead + 1) * fmean(self._between_turns_s) if self._between_turns_s else 0.0
