"""What the engine keeps of jobs: nothing for ever of those that succeeded."""

from __future__ import annotations

import time

import pytest
from dbos import DBOS
from gateway_process import wait_until
from mr_series import make_series
from pacs_gateway.jobs.engine import forget_succeeded_jobs, has_given_up
from pacs_gateway.jobs.job_ids import delivery_id, job_id

NO_TIME = "[retention]\nafter_done_h = 0.0"


def statuses():
    return {job.workflow_id: job.status for job in DBOS.list_workflows(load_input=False, load_output=False)}


def run_to_its_end(jobs, series):
    """The revision, and the names of its jobs, which have all ended."""
    study_uid = jobs.run(series)
    jobs.wait_for("done", study_uid)
    revision = jobs.ledgers.revisions.get(study_uid, 1)
    names = {job_id(revision), delivery_id(revision, "orthanc")}
    wait_until(lambda: all(statuses().get(name) == "SUCCESS" for name in names), "the jobs' ends")
    return revision, names


def test_a_job_that_succeeded_is_forgotten_after_its_time(running_jobs):
    revision, names = run_to_its_end(running_jobs, make_series("forgotten"))

    running_jobs.watch.forget_jobs()
    assert names <= statuses().keys(), "a day has not passed"
    forget_succeeded_jobs(time.time() + 1.0)

    assert names.isdisjoint(statuses())
    assert running_jobs.ledgers.deliveries.results(revision.study_uid, 1), "the ledger still knows them"


def test_the_watch_forgets_jobs_when_images_of_delivered_studies_go(make_running_jobs):
    jobs = make_running_jobs(extra=NO_TIME)
    _, names = run_to_its_end(jobs, make_series("forgotten by the watch"))

    jobs.watch.forget_jobs()

    assert names.isdisjoint(statuses())


def test_a_job_that_was_given_up_is_remembered(running_jobs, fail_times):
    fail_times(1, RuntimeError("unforeseen"), running_jobs.deliveries, "_record")
    study_uid = running_jobs.run(make_series("remembered"))
    delivery = delivery_id(running_jobs.ledgers.revisions.get(study_uid, 1), "orthanc")
    wait_until(lambda: has_given_up(delivery), "the delivery's end")

    forget_succeeded_jobs(time.time() + 1.0)

    assert has_given_up(delivery)


@pytest.fixture
def forgotten_delivery(running_jobs):
    """The transaction UID of a storage commitment that a delivery asked for; the engine has forgotten its job."""
    revision, _ = run_to_its_end(running_jobs, make_series("late report"))
    running_jobs.ledgers.deliveries.set_transaction(delivery_id(revision, "orthanc"), "2.25.1")
    forget_succeeded_jobs(time.time() + 1.0)
    return "2.25.1"


def test_a_commitment_report_that_comes_after_its_job_is_forgotten_is_acknowledged(running_jobs, forgotten_delivery):
    assert running_jobs.deliveries.report_commitment(forgotten_delivery, [])
