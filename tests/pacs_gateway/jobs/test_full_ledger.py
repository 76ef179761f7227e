"""A ledger that cannot be written for a while costs a job time and nothing else."""

from __future__ import annotations

import pytest
from mr_series import make_series
from sqlalchemy.exc import OperationalError

FULL = OperationalError("UPDATE", {}, Exception("database or disk is full"))


@pytest.mark.parametrize(
    ("page", "write"),
    [
        ("instances", "of_revision"),
        ("deliveries", "set_results"),
        ("deliveries", "plan"),
        ("deliveries", "finish"),
    ],
    ids=["select", "build", "plan", "finish"],
)
def test_a_step_that_cannot_write_the_ledger_is_tried_again(running_jobs, fail_times, page, write):
    fail_times(2, FULL, getattr(running_jobs.ledgers, page), write)

    study_uid = running_jobs.run(make_series(f"ledger full at {write}"))

    running_jobs.wait_for("done", study_uid)


def test_a_failure_is_told_once_it_can_be_written(running_jobs, fail_times):
    fail_times(2, FULL, running_jobs.studies, "_fail")

    study_uid = running_jobs.run(make_series("unusable", patient_id="UNUSABLE"))

    running_jobs.wait_for("failed", study_uid)
    assert "cannot be segmented" in running_jobs.ledgers.revisions.get(study_uid, 1).reason
