"""Which errors are tried again, after what wait, and how the last one reads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dbos._error import DBOSMaxStepRetriesExceeded
from hunet_client.errors import HunetError, ServiceBusyError, ServiceError, ServiceUnavailableError
from sqlalchemy.exc import OperationalError

from pacs_gateway.metrics import Step, timed
from pacs_gateway.routing.configuration import Jobs
from pacs_gateway.sending.errors import DestinationUnavailableError

_MAX_REASON = 500
# A service that is there and fails at one scan, or takes too long over it, will most likely do so again, and the queue
# stands still meanwhile.
_ATTEMPTS_AT_ONE_SCAN = 3
_AWAY = (ServiceUnavailableError, ServiceBusyError, DestinationUnavailableError, OSError, OperationalError)
_LOG = logging.getLogger(__name__)


def is_transient(error: BaseException) -> bool:
    """A service or destination that is away or busy; a disk or database that is full, locked or away."""
    return isinstance(error, _AWAY) and not isinstance(error, FileNotFoundError | PermissionError)


def trying_again() -> Callable[[BaseException], bool]:
    """Asked after each failure of one job's step: whether to try again. A service's own failures pass twice."""
    failures = 0

    def should_retry(error: BaseException) -> bool:
        nonlocal failures
        if is_transient(error):
            return True
        failures += 1
        return isinstance(error, ServiceError) and failures < _ATTEMPTS_AT_ONE_SCAN

    return should_retry


def backing_off(jobs: Jobs, name: str) -> Any:
    """Options of a durable step: exponential back-off, up to an hour between two attempts."""
    return {
        "name": name,
        "retries_allowed": True,
        "interval_seconds": jobs.first_retry_s,
        "backoff_rate": 2.0,
        "max_attempts": jobs.max_attempts,
        "should_retry": trying_again(),
    }


@contextmanager
def attempt(step: Step) -> Iterator[None]:
    """Around one attempt at a step: its time is counted, and of an unforeseen error only its kind is kept.

    The engine writes errors into its database, and such an error's text may hold anything.
    """
    try:
        with timed(step):
            yield
    except (HunetError, OSError, OperationalError) as error:
        _LOG.warning("%s: %s", step, reason_of(error))
        raise
    except Exception as error:
        _LOG.exception("%s failed", step)
        what = f"unexpected {type(error).__name__} in the step {step}"
        raise HunetError("gateway", what, "The gateway's log says where") from error


def reason_of(error: BaseException) -> str:
    """For the ledger and the operator. Unforeseen errors give their kind only: their text may hold anything."""
    if isinstance(error, DBOSMaxStepRetriesExceeded) and error.errors:
        return f"{reason_of(error.errors[-1])} (given up at attempt {len(error.errors)})"
    if isinstance(error, HunetError):
        return f"{error.what}. {error.fix}".strip(". ")[:_MAX_REASON] + "."
    if isinstance(error, OSError):
        return f"storage: {error.strerror}."
    if isinstance(error, OperationalError):
        return "storage: the database is full, locked or away."
    return f"unexpected {type(error).__name__}."
