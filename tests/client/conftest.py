"""Real gRPC servers on free ports that stand in for the two services, and can be told to misbehave.

The preprocessing stand-in slices along k into the canvas's corner; the model stand-in says `value / 100`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import nibabel as nib
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from hunet_client import SegmentationClient
from hunet_client.settings import ClientSettings, RetryPolicy, Timeouts
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

WEIGHTS_SHA256 = "ab" * 32
Fault = Callable[[grpc.ServicerContext], None]


@pytest.fixture
def busy() -> Callable[[float], Fault]:
    """Makes a fault: no room, and when to come back."""

    def make(retry_after_s: float) -> Fault:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(retry_after_s * 1e9))
        detail = any_pb2.Any()
        detail.Pack(retry)
        code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        rich = status_pb2.Status(code=code, message="too many scans", details=[detail])
        return lambda context: context.abort_with_status(rpc_status.to_status(rich))

    return make


class Misbehaviour:
    """What a stand-in does other than its work. `faults` are used up, one a call."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.calls = 0
        self.hangs = False
        self.cancelled = threading.Event()
        self._lock = threading.Lock()

    def begin(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            self.calls += 1
            fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            fault(context)
        if self.hangs:
            ended = threading.Event()
            if context.add_callback(ended.set):  # not so if the call is over already
                ended.wait(timeout=60)
            self.cancelled.set()


class FakePreprocess(preprocess_pb2_grpc.PreprocessServiceServicer):
    def __init__(self) -> None:
        self.preprocess = Misbehaviour()
        self.restore = Misbehaviour()
        self.chunk_bytes: list[int] = []
        self.change_manifest: Callable[[pb.Manifest], None] = lambda manifest: None
        self.change_batches: Callable[[list[pb.SliceBatch]], list[pb.SliceBatch]] = lambda batches: batches
        self.change_volume: Callable[[np.ndarray], np.ndarray] = lambda volume: volume
        self.before_batch: Callable[[int, grpc.ServicerContext], None] = lambda number, context: None

    def Preprocess(self, request_iterator, context):  # noqa: N802
        self.preprocess.begin(context)
        header = next(request_iterator).header
        chunks = [request.chunk for request in request_iterator]
        self.chunk_bytes += [len(chunk) for chunk in chunks]
        content = b"".join(chunks)
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        image = nib.Nifti1Image.from_bytes(plain)
        manifest = manifest_of(image, content)
        self.change_manifest(manifest)
        yield pb.PreprocessResponse(manifest=manifest)
        slices = to_canvas(np.asarray(image.dataobj, dtype=np.float32))
        size = header.options.batch_slices
        batches = [slice_batch(first, slices[first : first + size]) for first in range(0, len(slices), size)]
        for number, batch in enumerate(self.change_batches(batches)):
            self.before_batch(number, context)
            yield pb.PreprocessResponse(slices=batch)

    def Restore(self, request_iterator, context):  # noqa: N802
        self.restore.begin(context)
        manifest = next(request_iterator).header.manifest
        volume = np.full(manifest.shape, np.nan, dtype="<f4")
        for request in request_iterator:
            batch = request.predictions
            values = np.frombuffer(batch.data, dtype="<f4").reshape(batch.count, 256, 256)
            for number, values_2d in enumerate(values, start=batch.first_slice):
                volume[:, :, number] = values_2d[: manifest.shape[0], : manifest.shape[1]]
        volume = self.change_volume(volume)
        yield pb.RestoreResponse(
            header=pb.VolumeHeader(shape=volume.shape, affine=manifest.affine, data_bytes=volume.nbytes)
        )
        data = volume.tobytes()
        for start in range(0, len(data), 4096):
            yield pb.RestoreResponse(chunk=data[start : start + 4096])


def manifest_of(image: nib.Nifti1Image, content: bytes) -> pb.Manifest:
    rows, columns, slice_count = image.shape
    return pb.Manifest(
        manifest_version=1,
        input_sha256=hashlib.sha256(content).hexdigest(),
        input_bytes=len(content),
        format=pb.SCAN_FORMAT_NIFTI,
        shape=image.shape,
        spacing_mm=[float(mm) for mm in image.header.get_zooms()],
        affine=image.affine.ravel().tolist(),
        nifti_header=image.header.binaryblock,
        geometry=pb.SliceGeometry(
            slice_axis=2,
            row_axis=0,
            column_axis=1,
            slice_count=slice_count,
            native_rows=rows,
            native_columns=columns,
        ),
        quality_flags=[pb.QualityFlag(code="thick_slices", message="3 mm slices", severity=pb.SEVERITY_INFO)],
        software={"preprocess-service": "0.1.0"},
    )


def to_canvas(volume: np.ndarray) -> np.ndarray:
    """volume: (i, j, k) -> (k, 256, 256) float32."""
    slices = np.zeros((volume.shape[2], 256, 256), dtype="<f4")
    slices[:, : volume.shape[0], : volume.shape[1]] = np.moveaxis(volume, 2, 0)
    return slices


def slice_batch(first: int, slices: np.ndarray) -> pb.SliceBatch:
    return pb.SliceBatch(first_slice=first, count=len(slices), data=slices.tobytes())


class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self) -> None:
        self.infer = Misbehaviour()
        self.max_batch_size = 16
        self.keeps_its_index = False
        self.predict: Callable[[np.ndarray], np.ndarray] = lambda slices: np.clip(slices / 100, 0, 1)
        self.requests: list[service_pb2.ModelInferRequest] = []
        self.change_response: Callable[[service_pb2.ModelInferResponse], None] = lambda response: None

    def ModelConfig(self, request, context):  # noqa: N802
        if request.name != "mamba_hunet":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.name}'")
        response = service_pb2.ModelConfigResponse()
        response.config.name = request.name
        response.config.max_batch_size = self.max_batch_size
        return response

    def RepositoryIndex(self, request, context):  # noqa: N802
        if self.keeps_its_index:
            context.abort(grpc.StatusCode.UNAVAILABLE, "This protocol is restricted")
        index = service_pb2.RepositoryIndexResponse()
        for name, state in (("unet", "READY"), ("mamba_hunet", "READY"), ("broken", "UNAVAILABLE")):
            index.models.add(name=name, version="1", state=state)
        return index

    def ModelInfer(self, request, context):  # noqa: N802
        self.requests.append(request)
        self.infer.begin(context)
        count = request.inputs[0].shape[0]
        values = np.frombuffer(request.raw_input_contents[0], dtype="<f4").reshape(count, 1, 256, 256)
        digest = np.frombuffer(bytes.fromhex(WEIGHTS_SHA256), np.uint8)
        outputs = {
            "LESION_PROBABILITY": ("FP32", self.predict(values).astype("<f4")),
            "WEIGHTS_SHA256": ("UINT8", np.tile(digest, (count, 1))),
        }
        response = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
        for asked in request.outputs:
            datatype, array = outputs[asked.name]
            response.outputs.add(name=asked.name, datatype=datatype, shape=array.shape)
            response.raw_output_contents.append(array.tobytes())
        self.change_response(response)
        return response


@dataclass
class FakeStack:
    preprocess: FakePreprocess
    triton: FakeTriton
    settings: ClientSettings


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    preprocess, triton = FakePreprocess(), FakeTriton()
    servers = [grpc.server(ThreadPoolExecutor(8)) for _ in range(2)]
    preprocess_pb2_grpc.add_PreprocessServiceServicer_to_server(preprocess, servers[0])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(triton, servers[1])
    ports = [server.add_insecure_port("127.0.0.1:0") for server in servers]
    for server in servers:
        server.start()
    settings = ClientSettings(
        preprocess_address=f"127.0.0.1:{ports[0]}",
        triton_address=f"127.0.0.1:{ports[1]}",
        timeouts=Timeouts(connect_s=5, scan_s=60),
        retry=RetryPolicy(attempts=4, initial_backoff_s=0.01, max_backoff_s=0.02, jitter_s=0),
        batch_slices=3,
        max_requests_in_flight=2,
    )
    yield FakeStack(preprocess, triton, settings)
    for server in servers:
        server.stop(grace=None).wait()


@pytest.fixture
def scan_volume() -> np.ndarray:
    """(40, 30, 11) int16 in 0..30 with two bright boxes."""
    volume = np.random.default_rng(7).integers(0, 31, size=(40, 30, 11)).astype(np.int16)
    volume[5:12, 6:10, 2:5] = 90
    volume[25:28, 20:24, 8:10] = 70
    return volume


@pytest.fixture
def scan_path(tmp_path, scan_volume):
    """The volume as a NIfTI file on an oblique, anisotropic grid."""
    angle = np.deg2rad(20)
    affine = np.eye(4)
    affine[:3, :3] = [[-np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    affine[:3, :3] *= [0.9, 0.9, 3.0]
    affine[:3, 3] = [80.0, -110.0, -60.5]
    path = tmp_path / "flair.nii.gz"
    nib.save(nib.Nifti1Image(scan_volume, affine), path)
    return path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """A stack or environment of the person running the tests stays out of them."""
    monkeypatch.setenv("HUNET_STATE_DIR", str(tmp_path / "no-stack"))
    for name in ("HUNET_PREPROCESS_ADDRESS", "HUNET_TRITON_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def service_address():
    """The real preprocessing service, in a process of its own."""
    command = [sys.executable, "-m", "preprocess_service", "serve"]
    free_ports = ["--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"]
    with subprocess.Popen([*command, *free_ports], stdout=subprocess.PIPE, text=True) as service:
        yield json.loads(service.stdout.readline())["address"]
        service.terminate()
    assert service.returncode == 0


@pytest.fixture
def segment(stack, service_address):
    """Segments with a model that says lesion where a slice's normalised intensity is above 4."""
    stack.triton.predict = lambda slices: 1 / (1 + np.exp(4 - slices))
    settings = stack.settings.model_copy(update={"preprocess_address": service_address})

    def with_client(scan, **options):
        with SegmentationClient(settings) as client:
            return client.segment(scan, **options)

    return with_client
