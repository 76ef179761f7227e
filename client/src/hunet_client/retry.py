"""What is tried again, how often, and after what wait."""

from __future__ import annotations

import random
from collections.abc import Callable

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from hunet_client.deadline import Deadline
from hunet_client.errors import ServiceBusyError, ServiceUnavailableError
from hunet_client.settings import RetryPolicy


def retrying(policy: RetryPolicy, deadline: Deadline) -> AsyncRetrying:
    """The retry loop for one call: `async for attempt in retrying(...): with attempt: ...`.

    Only a service that is away or busy is asked again: its answer may change. A refused scan, a passed
    deadline and an answer that makes no sense stay as they are. It gives up early when the next attempt would
    come after the deadline, with the last error, which says more than the deadline does.
    """

    def give_up(state: RetryCallState) -> bool:
        return state.attempt_number >= policy.attempts or state.upcoming_sleep >= deadline.remaining_s()

    return AsyncRetrying(
        retry=retry_if_exception_type((ServiceUnavailableError, ServiceBusyError)),
        wait=_wait(policy),
        stop=give_up,
        sleep=anyio.sleep,
        reraise=True,
    )


def _wait(policy: RetryPolicy) -> Callable[[RetryCallState], float]:
    """Exponential back-off with jitter, never sooner than a busy service said."""
    backoff = wait_exponential(multiplier=policy.initial_backoff_s, max=policy.max_backoff_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, ServiceBusyError) else None
        return max(backoff(state), asked_s or 0.0) + random.uniform(0.0, policy.jitter_s)

    return wait
