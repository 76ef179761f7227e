"""Constant load for a long time, and what the processes hold meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from hunet_load.arrivals import Arrival
from hunet_load.open_loop import offer
from hunet_load.processes import Growth, Sample, growth, look
from hunet_load.requests import Caller, Outcome

# Resident memory may grow by this much for each 1,000 requests.
MOST_GROWTH_MIB = 1.0
_LOOK_S = 2.0


async def soak(
    caller: Caller, arrivals: Sequence[Arrival], supervisor_pid: int, ended: Callable[[Outcome], None]
) -> tuple[list[Outcome], list[Growth]]:
    """Outcomes, and how each process of the stack grew over the second half."""
    samples: list[Sample] = []
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        ended(outcome)

    async def watch() -> None:
        while True:
            samples.extend(look(supervisor_pid, sum(outcome.ending == "answered" for outcome in outcomes)))
            await anyio.sleep(_LOOK_S)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await offer(caller, arrivals, note)
        tasks.cancel_scope.cancel()
    return outcomes, growth(samples)


def grows(processes: Sequence[Growth]) -> list[Growth]:
    """Those that grow more than they may."""
    return [one for one in processes if one.resident_mib_per_1000_requests > MOST_GROWTH_MIB]
