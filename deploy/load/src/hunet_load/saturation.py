"""What the system answers at most: more callers at once, until more of them bring nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

import anyio

from hunet_load.requests import Caller, Outcome
from hunet_load.scans import Scan

# More callers that bring less than this are not worth it.
_LEAST_GAIN = 1.05
_CALLERS = (1, 2, 4, 8, 16, 32, 64)


async def find_saturation(
    caller: Caller, scans: Sequence[Scan], probe_s: float, tried: Callable[[int, float], None]
) -> float:
    """Scans answered a second at the best number of callers, doubled from 1; `tried` hears of each number.

    Every caller sends its next scan when the last has ended, scans in turn.
    """
    best_per_s = 0.0
    for callers in _CALLERS:
        per_s = await _answered_per_s(caller, scans, callers, probe_s)
        tried(callers, per_s)
        if per_s < _LEAST_GAIN * best_per_s:
            return max(best_per_s, per_s)
        best_per_s = per_s
    return best_per_s


async def _answered_per_s(caller: Caller, scans: Sequence[Scan], callers: int, probe_s: float) -> float:
    outcomes: list[Outcome] = []
    turns = itertools.cycle(scans)
    began = time.perf_counter()

    async def call() -> None:
        while (now_s := time.perf_counter() - began) < probe_s:
            outcome = await caller.send(next(turns), "routine", due_s=now_s, began=began)
            outcomes.append(outcome)
            if outcome.ending == "refused":
                # As a well-behaved caller: not at once again.
                await anyio.sleep(probe_s / 20)

    async with anyio.create_task_group() as tasks:
        for _ in range(callers):
            tasks.start_soon(call)
    return sum(outcome.ending == "answered" for outcome in outcomes) / (time.perf_counter() - began)
