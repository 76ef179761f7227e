"""SIGTERM ends the gateway soon and in order, also in the middle of a job, which the next start takes up."""

from __future__ import annotations

import pytest
import requests
from gateway_api import GatewayApi
from gateway_process import wait_until
from mr_series import make_series
from pynetdicom import AE
from pynetdicom.sop_class import Verification

pytestmark = pytest.mark.xdist_group("pacs")


def test_a_stop_in_the_middle_of_a_job_does_not_wait_for_it(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.hold("segmenting")
    gateway.send(make_series("stopped"))
    gateway.wait_at("segmenting")
    entity = AE(ae_title="PACS")
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", gateway.port, ae_title="HUNET")

    gateway.process.terminate()

    assert gateway.process.wait(30) == 0
    wait_until(lambda: association.is_aborted, "the A-ABORT to a peer that was connected")
    gateway.let_go("segmenting")
    gateway.start()
    gateway.wait_for_jobs(["done"])
    assert len(orthanc.instances("SR")) == 1


def test_a_stop_does_not_wait_for_a_page_that_follows_a_study(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.hold("segmenting")
    series = make_series("followed")
    gateway.send(series)
    gateway.wait_at("segmenting")
    api = GatewayApi(gateway.http_port)
    [study] = api.get("studies").json()["studies"]
    with requests.get(f"{api.url}/api/v1/studies/{study['id']}/events", stream=True, timeout=30) as events:
        assert next(events.iter_lines(chunk_size=1))

        gateway.process.terminate()

        assert gateway.process.wait(20) == 0
