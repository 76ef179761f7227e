"""What a load did, in figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from hunet_load.requests import Ending, Outcome


class LoadFigures(BaseModel):
    """One offered load. Latencies are of answered requests, from when each was due; None where none was answered."""

    offered_per_s: float = Field(description="Requests a second, as drawn")
    requests: int
    answered: int
    late: int = Field(description="Given up at their deadline")
    refused: int = Field(description="For want of room")
    failed: int
    errors: dict[str, int] = Field(description="Kinds of what failed")
    goodput_per_s: float = Field(description="Answered within the deadline, a second")
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None
    urgent_p95_s: float | None
    routine_p95_s: float | None
    refusal_p95_s: float | None = Field(description="How long a refusal took")


def summarise(outcomes: Sequence[Outcome], duration_s: float) -> LoadFigures:
    """duration_s: for how long requests were sent."""
    answered = [outcome for outcome in outcomes if outcome.ending == "answered"]
    kinds = sorted({outcome.error for outcome in outcomes if outcome.error})
    # What is answered after the last request was due belongs to the time that it took.
    ended_s = max([duration_s, *(outcome.due_s + outcome.latency_s for outcome in answered)])
    return LoadFigures(
        offered_per_s=len(outcomes) / duration_s,
        requests=len(outcomes),
        answered=len(answered),
        late=_count(outcomes, "late"),
        refused=_count(outcomes, "refused"),
        failed=_count(outcomes, "failed"),
        errors={kind: sum(outcome.error == kind for outcome in outcomes) for kind in kinds},
        goodput_per_s=len(answered) / ended_s,
        latency_p50_s=_percentile(answered, 50),
        latency_p95_s=_percentile(answered, 95),
        latency_p99_s=_percentile(answered, 99),
        urgent_p95_s=_percentile([one for one in answered if one.priority == "urgent"], 95),
        routine_p95_s=_percentile([one for one in answered if one.priority == "routine"], 95),
        refusal_p95_s=_percentile([one for one in outcomes if one.ending == "refused"], 95),
    )


def _count(outcomes: Sequence[Outcome], ending: Ending) -> int:
    return sum(outcome.ending == ending for outcome in outcomes)


def _percentile(outcomes: Sequence[Outcome], percent: float) -> float | None:
    return round(float(np.percentile([one.latency_s for one in outcomes], percent)), 4) if outcomes else None
