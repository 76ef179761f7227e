"""How fast scans go through just now: what somebody who waits can expect. Of what was seen, the last 15 count."""

from __future__ import annotations

import math
from collections import deque
from statistics import fmean

_REMEMBERED = 15
# Who is turned away leaves no new turns behind: without an end the pace of one bad hour would last.
_TURNS_COUNT_FOR_S = 120.0
_DONE_SHARE = 0.8


class TurnPace:
    """How long those in one line wait from turn to turn; others who go before them are in that time.

    0 where nothing was seen in the last two minutes, so that nobody is turned away on a guess.
    """

    def __init__(self) -> None:
        self._turns: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  # when, and seconds since the one before
        self._last_turn_s: float | None = None

    def note_turn(self, now_s: float, *, others_wait: bool) -> None:
        """Somebody was let in, by a clock of the caller's; the next time counts only if the line does not empty."""
        if self._last_turn_s is not None:
            self._turns.append((now_s, now_s - self._last_turn_s))
        self._last_turn_s = now_s if others_wait else None

    def note_empty_line(self) -> None:
        """Those who waited have left without a turn."""
        self._last_turn_s = None

    def wait_s(self, ahead: int, now_s: float) -> float:
        """Seconds until the turn of a caller before whom so many others of the line have theirs."""
        lately = [since_last_s for at_s, since_last_s in self._turns if now_s - at_s < _TURNS_COUNT_FOR_S]
        return (ahead + 1) * fmean(lately) if lately else 0.0


class ScanPace:
    """How long scans took that had been let in, whether they were done or given up."""

    def __init__(self) -> None:
        self._scans_s: deque[float] = deque(maxlen=_REMEMBERED)

    def note_scan(self, duration_s: float) -> None:
        self._scans_s.append(duration_s)

    @property
    def scan_s(self) -> float:
        """Seconds within which four of five are done; 0 until something was seen.

        Where somebody must be sent away, it should be who has the least chance, and one huge scan must not count.
        """
        ascending = sorted(self._scans_s)
        return ascending[math.ceil(_DONE_SHARE * (len(ascending) - 1))] if ascending else 0.0
