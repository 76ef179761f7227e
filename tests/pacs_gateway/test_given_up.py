"""A job that the engine will not take up again is told as failed, and can be begun anew."""

from __future__ import annotations

import pytest
from dbos import DBOSClient
from mr_series import make_series
from pacs_gateway.storage.uids import path_part

pytestmark = pytest.mark.xdist_group("pacs")


def test_a_job_that_the_engine_gave_up_is_failed_until_it_is_retried(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.hold("segmenting")
    series = make_series("given up")
    gateway.send(series)
    gateway.wait_at("segmenting")
    study_uid = series[0].StudyInstanceUID
    client = DBOSClient(system_database_url=f"sqlite:///{gateway.root / 'jobs.sqlite'}")
    client.cancel_workflow(f"{path_part(study_uid)}-1-1")
    client.destroy()

    [job] = gateway.wait_for_jobs(["failed"])
    assert job["reason"] == "The gateway ended every time this was tried; its log says why."

    gateway.kill()
    gateway.let_go("segmenting")
    gateway.start()
    gateway.hunet("retry", study_uid, "1")
    gateway.wait_for_jobs(["done"])
    assert len(orthanc.instances("SR")) == 1
