"""When requests are due, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hunet_client.transport import Priority

from hunet_load.scans import Scan


@dataclass(frozen=True)
class Arrival:
    """``due_s``: since the load began."""

    due_s: float
    scan: Scan
    priority: Priority


def poisson_arrivals(
    rate_per_s: float, duration_s: float, scans: Sequence[Scan], urgent_share: float, seed: int
) -> list[Arrival]:
    """A Poisson process. Each request picks a scan and a priority by chance; equal seeds give equal loads."""
    random = np.random.default_rng(seed)
    arrivals: list[Arrival] = []
    due_s = 0.0
    while True:
        due_s += float(random.exponential(1.0 / rate_per_s))
        if due_s >= duration_s:
            return arrivals
        scan = scans[int(random.integers(len(scans)))]
        priority: Priority = "urgent" if random.random() < urgent_share else "routine"
        arrivals.append(Arrival(due_s, scan, priority))
