"""SegmentationService.Segment over real gRPC, before the stand-in services of the client's own tests."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
import threading
from pathlib import Path

import grpc
import nibabel as nib
import numpy as np
import pytest
from gateway_process import free_ports, wait_until
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from hunet_protocol.v1 import segmentation_pb2 as pb
from hunet_protocol.v1 import segmentation_pb2_grpc
from pacs_gateway.facade.server import FacadeServer
from pacs_gateway.routing.configuration import Grpc, Processing

_spec = importlib.util.spec_from_file_location("client_stack", Path(__file__).parents[1] / "client" / "conftest.py")
_client_stack = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _client_stack
_spec.loader.exec_module(_client_stack)
stack, scan_path, scan_volume, busy = (
    _client_stack.stack, _client_stack.scan_path, _client_stack.scan_volume, _client_stack.busy,
)  # fmt: skip


@pytest.fixture
def facade_port(stack):
    server = FacadeServer(Grpc(port=0, max_calls=2, max_scan_mb=1), Processing(min_lesion_ml=0.0), stack.settings)
    yield server.start()
    server.stop()


@pytest.fixture
def facade(facade_port):
    with grpc.insecure_channel(f"127.0.0.1:{facade_port}") as channel:
        yield channel


def requests(content, **options):
    yield pb.SegmentRequest(header=pb.SegmentHeader(file_name="flair.nii.gz", options=pb.SegmentOptions(**options)))
    for start in range(0, len(content), 10_000):
        yield pb.SegmentRequest(chunk=content[start : start + 10_000])


def segment(channel, content, timeout_s=60, **options):
    stub = segmentation_pb2_grpc.SegmentationServiceStub(channel)
    return stub.Segment(requests(content, **options), timeout=timeout_s)


def status_and_details(call):
    with pytest.raises(grpc.RpcError) as raised:
        list(call)
    return raised.value.code(), raised.value.details(), rpc_status.from_call(raised.value)


def test_a_scan_comes_back_as_progress_report_and_mask(facade, scan_path, scan_volume):
    events = list(segment(facade, scan_path.read_bytes(), probability=True))

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == sorted(kinds, key=["progress", "result", "chunk"].index)
    last = [event.progress for event in events if event.WhichOneof("event") == "progress"][-1]
    assert last.slices_done == last.slices_total == 2 * scan_volume.shape[2]
    [result] = [event.result for event in events if event.WhichOneof("event") == "result"]
    assert result.lesion_count == 2
    report = json.loads(result.report_json)
    assert report["lesion_count"] == 2
    assert "Research use only" in result.report_json
    files = [b"", b""]
    for event in events:
        if event.WhichOneof("event") == "chunk":
            files[event.chunk.file] += event.chunk.data
    assert [(file.name, file.size_bytes) for file in result.files] == [
        ("mask.nii.gz", len(files[0])),
        ("probability.nii.gz", len(files[1])),
    ]
    mask = nib.Nifti1Image.from_bytes(gzip.decompress(files[0]))
    assert np.array_equal(mask.affine, nib.load(scan_path).affine)
    assert np.array_equal(np.asarray(mask.dataobj) > 0, scan_volume >= 50)


def test_a_callers_threshold_is_used_even_where_it_is_the_smallest(facade, scan_path, scan_volume):
    events = segment(facade, scan_path.read_bytes(), threshold=0.8)

    [result] = [event.result for event in events if event.WhichOneof("event") == "result"]
    assert result.lesion_count == 1, "the box of 0.7 is below it"


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", {}, "holds no scan"),
        (b"x" * 1_000_001, {}, "has more than 1000000 bytes"),
        (b"scan", {"threshold": 2.0}, "threshold: 2.0 is not a probability"),
        (b"scan", {"model": "nobody"}, "nobody"),
    ],
)
def test_what_the_caller_did_wrong_is_an_invalid_argument(facade, content, options, said):
    code, details, _ = status_and_details(segment(facade, content, **options))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert said in details


def test_chunks_before_the_header_are_refused(facade):
    stub = segmentation_pb2_grpc.SegmentationServiceStub(facade)

    code, _, _ = status_and_details(stub.Segment(iter([pb.SegmentRequest(chunk=b"scan")]), timeout=60))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_busy_service_says_when_to_come_back(facade, stack, busy, scan_path):
    stack.preprocess.preprocess.faults += [busy(0.01)] * 10

    code, _, rich = status_and_details(segment(facade, scan_path.read_bytes()))

    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = error_details_pb2.RetryInfo()
    assert rich.details[0].Unpack(retry)
    assert retry.retry_delay.ToTimedelta().total_seconds() == pytest.approx(0.01)


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_a_call_that_ends_early_frees_the_work(facade, stack, scan_path, end):
    stack.triton.infer.hangs = True
    call = segment(facade, scan_path.read_bytes(), timeout_s=60 if end == "cancel" else 1)
    if end == "cancel":
        wait_until(lambda: stack.triton.requests, "inference")
        call.cancel()

    code, _, _ = status_and_details(call)

    assert code == {"cancel": grpc.StatusCode.CANCELLED, "deadline": grpc.StatusCode.DEADLINE_EXCEEDED}[end]
    assert stack.triton.infer.cancelled.wait(30)


def test_calls_over_the_limit_are_told_so(facade, stack, scan_path):
    stack.triton.infer.hangs = True
    running = [segment(facade, scan_path.read_bytes()) for _ in range(2)]
    wait_until(lambda: stack.preprocess.preprocess.calls == 2, "both scans")

    code, _, _ = status_and_details(segment(facade, scan_path.read_bytes()))

    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    for call in running:
        call.cancel()


def test_its_health_is_served(facade):
    stub = health_pb2_grpc.HealthStub(facade)

    answer = stub.Check(health_pb2.HealthCheckRequest(service="hunet_protocol.v1.SegmentationService"), timeout=60)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_documented_python_works(facade_port, scan_path, scan_volume):
    page = (Path(__file__).parents[2] / "docs" / "grpc.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code, names)

    result, files = names["segment"](f"127.0.0.1:{facade_port}", str(scan_path))

    assert result.lesion_count == 2
    mask = nib.Nifti1Image.from_bytes(gzip.decompress(files["mask.nii.gz"]))
    assert mask.shape == scan_volume.shape


@pytest.mark.xdist_group("pacs")
def test_the_gateway_serves_it_beside_the_node(make_gateway):
    [port] = free_ports(1)
    make_gateway(extra=f"[grpc]\nport = {port}")

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        code, details, _ = status_and_details(segment(channel, b""))

    assert (code, "holds no scan" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_a_caller_that_falls_silent_gives_its_place_back(facade, monkeypatch):
    monkeypatch.setattr("pacs_gateway.facade.scan_upload.IDLE_TIMEOUT_S", 0.2)
    silent = threading.Event()

    def and_then_nothing():
        yield pb.SegmentRequest(header=pb.SegmentHeader(file_name="flair.nii.gz"))
        silent.wait(30)

    call = segmentation_pb2_grpc.SegmentationServiceStub(facade).Segment(and_then_nothing(), timeout=30)
    code, details, _ = status_and_details(call)
    silent.set()

    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "stood still" in details


def test_a_port_that_is_taken_is_not_shared(facade_port, stack):
    second = FacadeServer(Grpc(port=facade_port), Processing(), stack.settings)
    with pytest.raises(OSError, match="cannot listen"):
        second.start()
