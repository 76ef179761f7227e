"""Which failures of a step are tried again, and how often."""

from __future__ import annotations

import pytest
from hunet_client.errors import (
    DeadlineExceededError,
    InputError,
    ServiceBusyError,
    ServiceError,
    ServiceUnavailableError,
)
from pacs_gateway.jobs.retries import attempt, reason_of, trying_again
from pacs_gateway.sending.errors import DeliveryRejectedError, DestinationUnavailableError
from sqlalchemy.exc import OperationalError

FULL_DATABASE = OperationalError("UPDATE", {}, Exception("database or disk is full"))


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailableError("triton", "away"),
        ServiceBusyError("preprocessing", "full"),
        DestinationUnavailableError("archive", "away"),
        OSError(28, "No space left on device"),
        FULL_DATABASE,
    ],
)
def test_what_passes_by_itself_is_waited_for(error):
    should_retry = trying_again()
    assert all(should_retry(error) for _ in range(100))


@pytest.mark.parametrize(
    "error", [DeadlineExceededError("scan", "too slow"), ServiceError("preprocessing", "INTERNAL")]
)
def test_a_scan_at_which_a_service_fails_does_not_hold_up_the_others(error):
    should_retry = trying_again()
    assert [should_retry(error) for _ in range(4)] == [True, True, False, False]
    assert trying_again()(error), "each job is judged by itself"


@pytest.mark.parametrize(
    "error", [InputError("scan", "none"), DeliveryRejectedError("archive", "no"), FileNotFoundError()]
)
def test_what_will_never_go_is_not_tried_again(error):
    assert not trying_again()(error)


def test_a_step_tells_a_full_database_as_what_it_is():
    with pytest.raises(OperationalError), attempt("select"):
        raise FULL_DATABASE
    assert reason_of(FULL_DATABASE) == "storage: the database is full, locked or away."
