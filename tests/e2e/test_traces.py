"""With a collector named, one trace follows a scan through every part; and no name of a patient comes with it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import nibabel
import pytest
import requests
from mamba_hunet.phantom import PhantomSettings, make_phantom

sys.path.insert(0, str(Path(__file__).parent))
from collector import running_collector

PATIENT = "Mustermann"
PARTS = {"hunet", "hunet-preprocess", "triton"}


@pytest.fixture(scope="module")
def collector():
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def stack(start_stack, collector):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield start_stack()


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    phantom = make_phantom(PhantomSettings(), slices=range(20, 32))
    path = tmp_path_factory.mktemp("scan") / f"{PATIENT}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


def eventually(find):
    """The first true answer; exporters send what they have now and then."""
    give_up_at = time.monotonic() + 30
    while not (found := find()):
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.1)
    return found


def test_one_trace_follows_a_scan_through_all_parts(stack, collector, scan, tmp_path):
    run = stack.hunet("segment", str(scan), "-o", str(tmp_path))
    assert run.returncode == 0, run.stderr

    def whole_trace():
        first = next((span for span in collector.spans if (span.service, span.name) == ("hunet", "segment scan")), None)
        spans = collector.trace_of(first) if first else []
        return spans if {span.service for span in spans} == PARTS else None

    spans = eventually(whole_trace)
    parents = {span.span_id: span for span in spans}
    roots = [span for span in spans if span.parent_id not in parents]
    assert [(span.service, span.name) for span in roots] == [("hunet", "segment scan")]
    calls = {(parents[span.parent_id].name, span.service) for span in spans if span not in roots}
    assert {("preprocess", "hunet-preprocess"), ("restore", "hunet-preprocess"), ("infer", "triton")} <= calls
    assert not any(span.error for span in spans)


def test_the_service_s_log_and_metrics_name_the_trace(stack, collector, scan, tmp_path):
    assert stack.hunet("segment", str(scan), "-o", str(tmp_path)).returncode == 0
    lines = map(json.loads, (stack.state_folder / "logs" / "preprocess.log").read_text().splitlines())
    logged = {line["trace_id"] for line in lines if line.get("event") == "call finished"}
    assert logged <= {span.trace_id for span in eventually(lambda: collector.spans)}
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    metrics = requests.get(f"http://{stack.state.preprocess_metrics_address}/metrics", headers=accept, timeout=10).text
    exemplars = [line for line in metrics.splitlines() if 'trace_id="' in line and "stage_seconds_bucket" in line]
    assert exemplars
    assert all(any(identity in line for identity in logged) for line in exemplars)


def test_an_upload_s_job_is_a_trace_of_its_own(stack, collector, scan):
    url = f"http://{stack.state.gateway_http_address}/api/v1/studies"
    sent = requests.post(
        url, data=scan.read_bytes(), headers={"Content-Disposition": f'attachment; filename="{scan.name}"'}, timeout=30
    )
    assert sent.status_code == 202
    job = eventually(lambda: [span for span in collector.spans if span.name == "upload job"])[0]
    services = eventually(lambda: {span.service for span in collector.trace_of(job)} >= {"hunet-gateway", "triton"})
    assert services


def test_a_patient_s_name_is_in_no_trace_log_or_metric(stack, collector, scan, tmp_path):
    broken = tmp_path / f"{PATIENT}.nii.gz"
    broken.write_bytes(scan.read_bytes()[:5000])
    run = stack.hunet("segment", str(broken), "-o", str(tmp_path / "out"))
    assert run.returncode != 0
    assert PATIENT in run.stderr  # who sent it may know
    eventually(lambda: [span for span in collector.spans if span.error and span.service == "hunet-preprocess"])
    assert not any(PATIENT.encode() in body for body in collector.bodies)
    for log in (stack.state_folder / "logs").iterdir():
        assert PATIENT not in log.read_text(), log
    state = stack.state
    for address in (state.preprocess_metrics_address, state.triton_metrics_address, state.gateway_http_address):
        assert PATIENT not in requests.get(f"http://{address}/metrics", timeout=10).text
