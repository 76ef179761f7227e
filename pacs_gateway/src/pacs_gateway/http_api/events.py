"""A study's way as server-sent events (WHATWG HTML, "Server-sent events"), resumed where a connection was lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from pacs_gateway.http_api.study import Study
from pacs_gateway.jobs.states import FINAL, STATES

_LOOK_S = 0.1
_HEARTBEAT_S = 10.0
# Above any count of slices.
_STATE_STEP = 1_000_000


async def study_events(look: Callable[[], Study | None], last_event_id: int) -> AsyncIterator[str]:
    """Events until the study has ended or is deleted.

    An event's id says how far the study was, so that whoever comes back with the last one gets what is new since, also
    from a gateway that has been started anew.
    """
    heard, spoke_at, state = last_event_id, time.monotonic(), None
    while True:
        study = await run_in_threadpool(look)
        if study is None:
            return
        position = _position(study)
        if position > heard or study.state in FINAL:
            if study.state != state and study.state not in FINAL:
                yield _event(position, "state", {"state": study.state})
            if study.progress is not None:
                yield _event(position, "progress", study.progress.model_dump())
            heard, state, spoke_at = position, study.state, time.monotonic()
        if study.state in FINAL:
            yield _event(position, study.state, {"state": study.state})
            return
        if time.monotonic() - spoke_at > _HEARTBEAT_S:
            spoke_at = time.monotonic()
            yield ": alive\n\n"
        await asyncio.sleep(_LOOK_S)


def _position(study: Study) -> int:
    """Grows along the way of a study."""
    done = study.progress.done if study.progress else 0
    return (STATES.index(study.state) + 1) * _STATE_STEP + done


def _event(position: int, kind: str, data: dict[str, Any]) -> str:
    return f"id: {position}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
