"""A study whose results were delivered ends, whatever went wrong when that was written down."""

from __future__ import annotations

import errno

import pytest
from dbos import DBOS
from gateway_process import wait_until
from mr_series import make_series
from pacs_gateway.jobs.job_ids import delivery_id
from pacs_gateway.storage.deliveries import Delivery


def delivery_of(jobs, study_uid):
    [delivery] = jobs.ledgers.deliveries.of_revision(study_uid, 1)
    return delivery


@pytest.mark.parametrize("step", ["_record", "finish_revision"])
def test_an_end_that_cannot_be_written_down_for_now_is_written_later(running_jobs, fail_times, step):
    fail_times(2, OSError(errno.ENOSPC, "No space left on device"), running_jobs.deliveries, step)

    study_uid = running_jobs.run(make_series(f"disk full at {step}"))

    running_jobs.wait_for("done", study_uid)


def test_a_delivery_whose_audit_line_could_not_be_written_is_audited_later(running_jobs, fail_times):
    fail_times(1, OSError(errno.ENOSPC, "No space left on device"), running_jobs.audit, "write")

    study_uid = running_jobs.run(make_series("disk full at the audit line"))

    running_jobs.wait_for("done", study_uid)
    assert '"event": "results sent"' in running_jobs.configuration.audit_path.read_text()


def test_a_delivered_study_whose_delivery_the_engine_gave_up_is_ended_by_the_watch(running_jobs, fail_times):
    fail_times(1, RuntimeError("unforeseen"), running_jobs.audit, "write")
    study_uid = running_jobs.run(make_series("unforeseen at the audit line"))
    wait_until(lambda: has_ended_in_error(running_jobs, study_uid), "the delivery's end")
    assert running_jobs.state(study_uid) == "built"
    assert delivery_of(running_jobs, study_uid).state == "sent"

    running_jobs.watch.tell_given_up()

    assert running_jobs.state(study_uid) == "done"
    assert not running_jobs.ledgers.revisions.study_is_busy(study_uid)


def has_ended_in_error(jobs, study_uid):
    found = jobs.ledgers.deliveries.of_revision(study_uid, 1)
    status = DBOS.get_workflow_status(found[0].workflow_id) if found else None
    return status is not None and status.status == "ERROR"


@pytest.fixture
def built_again(running_jobs):
    """A revision whose second attempt is built; its delivery is still that of the first, which failed."""
    study_uid = running_jobs.receive(make_series("built again"))
    revisions = running_jobs.ledgers.revisions
    failed = delivery_id(revisions.get(study_uid, 1), "orthanc")
    delivery = Delivery(study_uid, 1, "orthanc", "failed", "refused", failed, None)
    running_jobs.ledgers.deliveries.plan(study_uid, 1, [delivery])
    revisions.change(study_uid, 1, state="failed", started=True)
    assert revisions.retry(study_uid, 1)
    revisions.change(study_uid, 1, state="built", started=True)
    return study_uid


def test_an_attempt_whose_deliveries_are_not_planned_yet_is_not_ended_by_those_before(running_jobs, built_again):
    running_jobs.watch.tell_given_up()

    assert running_jobs.state(built_again) == "built"
