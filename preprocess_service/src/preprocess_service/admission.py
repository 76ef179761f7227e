"""How many scans are worked on at once, and how many may wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class BusyError(Exception):
    """No room, not even in the waiting line; come back after `retry_after_s` seconds."""

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class Admission:
    """A number of places, a bounded line before them, first come first served; everyone else is sent away."""

    def __init__(self, places: int, max_waiting: int, retry_after_s: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._max_waiting = max_waiting
        self._retry_after_s = retry_after_s
        self.in_flight = 0
        self.waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[float]:
        """Holds one place for as long as the block runs, and gives the seconds that it took to get it.

        Raises BusyError where the line is full.
        """
        if self._places.locked() and self.waiting >= self._max_waiting:
            raise BusyError(f"{self.in_flight} scans are in work and {self.waiting} are waiting", self._retry_after_s)
        self.waiting += 1
        came = time.perf_counter()
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        self.in_flight += 1
        try:
            yield time.perf_counter() - came
        finally:
            self.in_flight -= 1
            self._places.release()
