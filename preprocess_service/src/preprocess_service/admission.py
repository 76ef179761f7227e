"""How many scans are worked on at once, how many may wait, and for whom waiting is in vain."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from preprocess_service.pace import ScanPace, TurnPace


class BusyError(Exception):
    """No place, nor any to be had in time; come back after `retry_after_s` seconds. `reason`: a word for metrics."""

    def __init__(self, what: str, retry_after_s: float, reason: str = "busy") -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """One who waits. ``deadline_s``: by the clock of time.perf_counter."""

    come: asyncio.Future[None]
    deadline_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    turns: deque[_Turn] = field(default_factory=deque)
    pace: TurnPace = field(default_factory=TurnPace)


class Admission:
    """A number of places and a bounded line before them, urgent calls first; everyone else is sent away.

    Sent away are also those who could not be done by their deadline at the present pace, as soon as that is so: what
    is begun in vain takes the time of those who could still be served.

    `is_open`: a further condition for being let in; whoever changes what it asks calls `let_in`.
    """

    def __init__(
        self, places: int, max_waiting: int, retry_after_s: float, is_open: Callable[[], bool] = lambda: True
    ) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._retry_after_s = retry_after_s
        self._is_open = is_open
        self._urgent, self._routine = _Line(), _Line()
        self.in_flight = 0
        self.pace = ScanPace()

    @property
    def waiting(self) -> int:
        return len(self._urgent.turns) + len(self._routine.turns)

    @asynccontextmanager
    async def place(self, *, urgent: bool = False, remaining_s: float | None = None) -> AsyncIterator[float]:
        """Holds one place for as long as the block runs, and gives the seconds that it took to get it.

        `remaining_s`: until the caller's deadline. Raises BusyError where the line is full (urgent and routine calls
        have one each), or moves too slowly for that deadline.
        """
        came_s = time.perf_counter()
        if self._has_room() and not self.waiting:
            self.in_flight += 1
        else:
            line = self._urgent if urgent else self._routine
            await self._wait(line, came_s + (math.inf if remaining_s is None else remaining_s))
        try:
            yield time.perf_counter() - came_s
        finally:
            self.in_flight -= 1
            self.let_in()

    def let_in(self) -> None:
        """As many of those who wait as there is room for."""
        while self._has_room() and self.waiting:
            line = self._urgent if self._urgent.turns else self._routine
            turn, now_s = line.turns.popleft(), time.perf_counter()
            if turn.come.done():  # it is just giving up
                continue
            late_by_s = now_s + self.pace.scan_s - turn.deadline_s
            if late_by_s > 0:
                turn.come.set_exception(self._too_late(late_by_s))
                continue
            self.in_flight += 1
            turn.come.set_result(None)
            line.pace.note_turn(now_s, others_wait=len(line.turns) > 0)

    async def _wait(self, line: _Line, deadline_s: float) -> None:
        ahead, now_s = len(line.turns), time.perf_counter()
        if ahead >= self._max_waiting:
            what = f"{self.in_flight} scans are in work and {self.waiting} are waiting"
            raise BusyError(what, max(self._retry_after_s, line.pace.wait_s(0, now_s)))
        late_by_s = now_s + line.pace.wait_s(ahead, now_s) + self.pace.scan_s - deadline_s
        if late_by_s > 0:
            raise self._too_late(late_by_s)
        if not ahead:
            line.pace.note_empty_line()
        turn = _Turn(asyncio.get_running_loop().create_future(), deadline_s)
        line.turns.append(turn)
        try:
            await turn.come
        except asyncio.CancelledError:
            if turn in line.turns:
                line.turns.remove(turn)
            elif not turn.come.cancelled() and turn.come.exception() is None:
                # Let in at the very moment of giving up.
                self.in_flight -= 1
                self.let_in()
            raise

    def _too_late(self, late_by_s: float) -> BusyError:
        what = f"{self.waiting} scans are waiting, and this one would be done {late_by_s:.0f} s after its deadline"
        return BusyError(what, max(self._retry_after_s, late_by_s), "deadline")

    def _has_room(self) -> bool:
        return self.in_flight < self._places and self._is_open()
