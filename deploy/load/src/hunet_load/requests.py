"""One request and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from hunet_client import AsyncSegmentationClient
from hunet_client.errors import DeadlineExceededError, HunetError, ServiceBusyError
from hunet_client.transport import Priority

from hunet_load.scans import Scan

# late: given up at its deadline. refused: at once, for want of room. failed: anything else.
Ending = Literal["answered", "late", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """``latency_s``: from when the request was due to its end; ``error``: the kind of what failed, else empty."""

    due_s: float
    latency_s: float
    ending: Ending
    priority: Priority
    slices: int
    error: str = ""


@dataclass(frozen=True)
class Caller:
    """Sends scans to one model, each given up when `deadline_s` have passed since it was due."""

    client: AsyncSegmentationClient
    model: str
    deadline_s: float

    async def send(self, scan: Scan, priority: Priority, *, due_s: float, began: float) -> Outcome:
        """began: `time.perf_counter()` when the load began."""
        ending: Ending = "answered"
        error = ""
        left_s = max(began + due_s + self.deadline_s - time.perf_counter(), 0.001)
        try:
            await self.client.segment(
                scan.content, model=self.model, priority=priority, single_plane=True, deadline_s=left_s
            )
        except ServiceBusyError:
            ending = "refused"
        except DeadlineExceededError:
            ending = "late"
        except HunetError as problem:
            ending, error = "failed", type(problem).__name__
        latency_s = time.perf_counter() - began - due_s
        if ending == "answered" and latency_s > self.deadline_s:
            ending = "late"
        return Outcome(due_s, latency_s, ending, priority, scan.slices, error)
