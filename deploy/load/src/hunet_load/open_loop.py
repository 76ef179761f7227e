"""Sends each request when it is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import anyio

from hunet_load.arrivals import Arrival
from hunet_load.requests import Caller, Outcome


async def offer(caller: Caller, arrivals: Sequence[Arrival], ended: Callable[[Outcome], None]) -> list[Outcome]:
    """All outcomes, in the order of their ends; `ended` hears of each. Every request ends by its deadline."""
    outcomes: list[Outcome] = []
    began = time.perf_counter()

    async def one(arrival: Arrival) -> None:
        outcome = await caller.send(arrival.scan, arrival.priority, due_s=arrival.due_s, began=began)
        outcomes.append(outcome)
        ended(outcome)

    async with anyio.create_task_group() as tasks:
        for arrival in arrivals:
            await anyio.sleep(max(0.0, began + arrival.due_s - time.perf_counter()))
            tasks.start_soon(one, arrival)
    return outcomes
