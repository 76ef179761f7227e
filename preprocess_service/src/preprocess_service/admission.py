"""How many scans are worked on at once, and how many may wait."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class BusyError(Exception):
    """No room, not even in the waiting line; come back after `retry_after_s` seconds."""

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class Admission:
    """A number of places and a bounded line before them, urgent calls first; everyone else is sent away.

    `is_open`: a further condition for being let in; whoever changes what it asks calls `let_in`.
    """

    def __init__(
        self, places: int, max_waiting: int, retry_after_s: float, is_open: Callable[[], bool] = lambda: True
    ) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._retry_after_s = retry_after_s
        self._is_open = is_open
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._routine: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        return len(self._urgent) + len(self._routine)

    @asynccontextmanager
    async def place(self, *, urgent: bool = False) -> AsyncIterator[float]:
        """Holds one place for as long as the block runs, and gives the seconds that it took to get it.

        Raises BusyError where the line is full; urgent and routine calls have one each.
        """
        came = time.perf_counter()
        if self._has_room() and not self.waiting:
            self.in_flight += 1
        else:
            await self._wait(self._urgent if urgent else self._routine)
        try:
            yield time.perf_counter() - came
        finally:
            self.in_flight -= 1
            self.let_in()

    def let_in(self) -> None:
        """As many of those who wait as there is room for."""
        while self._has_room() and (line := self._urgent or self._routine):
            turn = line.popleft()
            if not turn.done():  # else it is just giving up
                self.in_flight += 1
                turn.set_result(None)

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        if len(line) >= self._max_waiting:
            raise BusyError(f"{self.in_flight} scans are in work and {self.waiting} are waiting", self._retry_after_s)
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in line:
                line.remove(turn)
            elif not turn.cancelled():
                # Let in at the very moment of giving up.
                self.in_flight -= 1
                self.let_in()
            raise

    def _has_room(self) -> bool:
        return self.in_flight < self._places and self._is_open()
