"""One whole run: saturation, then the offered loads or a soak."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hunet_client import AsyncSegmentationClient
from hunet_client.errors import ServiceUnavailableError
from hunet_client.settings import RetryPolicy, client_settings
from rich.progress import Progress

from hunet_load.arrivals import poisson_arrivals
from hunet_load.figures import summarise
from hunet_load.machine import describe_machine
from hunet_load.open_loop import offer
from hunet_load.processes import Growth
from hunet_load.report import LoadReport, OfferedLoad
from hunet_load.requests import Caller, Outcome
from hunet_load.saturation import find_saturation
from hunet_load.scans import Scan
from hunet_load.soak import soak

SOAK_SHARE = 0.7


@dataclass(frozen=True)
class Plan:
    """What is offered, and for how long. ``soak_s``: instead of `shares`, at 70% of saturation."""

    scans: Sequence[Scan]
    shares: Sequence[float]
    duration_s: float
    probe_s: float
    deadline_s: float
    urgent_share: float
    model: str
    seed: int
    soak_s: float | None


async def run(plan: Plan, progress: Progress, supervisor_pid: int | None) -> LoadReport:
    """supervisor_pid: of the local stack; a soak needs it. Raises HunetError where the system does not answer."""
    begun_at = datetime.now(UTC)
    # What is refused is counted, not tried again.
    settings = client_settings(retry=RetryPolicy(attempts=1))
    async with AsyncSegmentationClient(settings) as client:
        # Ends here, with its own error, where nothing answers.
        await client.segment(plan.scans[0].content, model=plan.model, single_plane=True)
        caller = Caller(client, plan.model, plan.deadline_s)
        saturation_per_s = await _saturation(caller, plan, progress)
        if plan.soak_s is None:
            shares = sorted(plan.shares)
            loads = [await _offered(caller, plan, saturation_per_s, share, progress) for share in shares]
            grown: list[Growth] = []
        else:
            assert supervisor_pid is not None
            load, grown = await _soaked(caller, plan, saturation_per_s, supervisor_pid, progress)
            loads = [load]
    return LoadReport(
        begun_at=f"{begun_at:%Y-%m-%d %H:%M} UTC",
        command=" ".join(["hunet", *sys.argv[1:]]),
        machine=describe_machine(),
        model=plan.model,
        slices=tuple(scan.slices for scan in plan.scans),
        urgent_share=plan.urgent_share,
        deadline_s=plan.deadline_s,
        saturation_per_s=round(saturation_per_s, 4),
        loads=tuple(loads),
        growth=tuple(grown),
    )


async def _saturation(caller: Caller, plan: Plan, progress: Progress) -> float:
    task = progress.add_task("saturation", total=None)

    def tried(callers: int, per_s: float) -> None:
        progress.update(task, description=f"saturation: {callers} callers, {per_s:.2f} scans/s")

    found = await find_saturation(caller, plan.scans, plan.probe_s, tried)
    progress.update(task, total=1, completed=1)
    if found == 0:
        what = f"answered no scan within the deadline of {plan.deadline_s:g} s"
        raise ServiceUnavailableError("the system", what, "Give a longer --deadline-s, or smaller scans")
    return found


async def _offered(
    caller: Caller, plan: Plan, saturation_per_s: float, share: float, progress: Progress
) -> OfferedLoad:
    arrivals = poisson_arrivals(
        share * saturation_per_s, plan.duration_s, plan.scans, plan.urgent_share, plan.seed + round(100 * share)
    )
    task = progress.add_task(f"{share:.0%} of saturation", total=len(arrivals))
    outcomes = await offer(caller, arrivals, lambda outcome: progress.advance(task))
    return OfferedLoad(share=share, figures=summarise(outcomes, plan.duration_s))


async def _soaked(
    caller: Caller, plan: Plan, saturation_per_s: float, supervisor_pid: int, progress: Progress
) -> tuple[OfferedLoad, list[Growth]]:
    assert plan.soak_s is not None
    rate_per_s = SOAK_SHARE * saturation_per_s
    arrivals = poisson_arrivals(rate_per_s, plan.soak_s, plan.scans, plan.urgent_share, plan.seed)
    task = progress.add_task(f"soak at {SOAK_SHARE:.0%}", total=len(arrivals))

    def ended(outcome: Outcome) -> None:
        progress.advance(task)

    outcomes, grown = await soak(caller, arrivals, supervisor_pid, ended)
    return OfferedLoad(share=SOAK_SHARE, figures=summarise(outcomes, plan.soak_s)), grown
