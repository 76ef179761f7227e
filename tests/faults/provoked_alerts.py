"""Every alert but one fires when what it warns of is done to a real stack that a real Prometheus watches.

Part of `make faults`. The times in the rules are made short; their right length is what promtool's tests are about
(tests/deploy/prometheus).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import nibabel
import numpy as np
import psutil
import pytest
import requests
import tritonclient.grpc as triton
from hunet_client import ClientSettings, SegmentationClient
from hunet_client.errors import HunetError
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc
from mamba_hunet.phantom import PhantomSettings, make_phantom

sys.path.insert(0, str(Path(__file__).parent))
from watched_stack import WatchedStack, other_build, shortened, stopped

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# It compares a day with the month before: no fault of an hour brings it about.
NOT_PROVOKED = {"HunetLesionLoadShifted"}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A slab of six slices, which covers too little of the head for a good score."""
    phantom = make_phantom(PhantomSettings(), slices=range(26, 32))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk for the stack's state that can shrink."""
    if os.geteuid() != 0:
        pytest.skip("a file system can be mounted by root only")
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12g", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def site(disk, start_stack, watching_prometheus, tmp_path_factory):
    if not shutil.which("prometheus") or not shutil.which("Orthanc"):
        pytest.skip("apt install prometheus orthanc orthanc-dicomweb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUNET_PREPROCESS_MAX_SCANS", "1")
        stack = start_stack(options=["--pacs"], state_folder=disk)
    folder = tmp_path_factory.mktemp("prometheus")
    with watching_prometheus(stack, folder, shortened) as address:
        yield WatchedStack(stack, address, folder / "config/targets/embedded.json")


def segment(site, path):
    state = site.state
    settings = ClientSettings(preprocess_address=state.preprocess_address, triton_address=state.triton_grpc_address)
    with SegmentationClient(settings) as client:
        client.segment(path)


def upload(site, content):
    url = f"http://{site.state.gateway_http_address}/api/v1/studies"
    assert requests.post(url, data=content, timeout=30).status_code == 202


def slices(count, value=0.0):
    tensor = triton.InferInput("SLICES", (count, 1, 256, 256), "FP32")
    tensor.set_data_from_numpy(np.full((count, 1, 256, 256), value, np.float32))
    return [tensor]


class Uploads:
    """Preprocess calls that have sent a header, and nothing more until they are let go."""

    def __init__(self, site, count):
        self._channel = grpc.insecure_channel(site.state.preprocess_address)
        stub = preprocess_pb2_grpc.PreprocessServiceStub(self._channel)
        self._go = threading.Event()
        self._calls = [stub.Preprocess(self._requests()) for _ in range(count)]

    def _requests(self):
        yield pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="slow.nii"))
        self._go.wait()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._go.set()
        self._channel.close()


def test_nothing_fires_before_anything_is_wrong(site, scan):
    segment(site, scan)
    time.sleep(20)
    assert site.firing() <= {"HunetScanQualityLow"}


def test_readings_that_take_over_a_minute(site, scan):
    with grpc.insecure_channel(site.state.preprocess_address) as channel:
        stub = preprocess_pb2_grpc.PreprocessServiceStub(channel)
        requests_of_scan = [
            pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="flair.nii.gz")),
            pb.PreprocessRequest(chunk=scan.read_bytes()),
        ]
        responses = list(stub.Preprocess(iter(requests_of_scan)))
        manifest, batches = responses[0].manifest, [one.slices for one in responses[1:]]

        def late():
            yield pb.RestoreRequest(header=pb.RestoreHeader(manifest=manifest))
            time.sleep(62)
            for batch in batches:
                data = np.zeros((batch.count, 256, 256), "<f4").tobytes()
                yield pb.RestoreRequest(
                    predictions=pb.SliceBatch(first_slice=batch.first_slice, count=batch.count, data=data)
                )

        assert list(stub.Restore(late()))
    site.wait_for("HunetServiceLevelBurnsFast", "HunetServiceLevelBurnsSlowly")


def test_scans_that_are_none_and_scans_of_too_little(site, scan, tmp_path):
    (tmp_path / "letter.nii.gz").write_text("Dear colleague")
    for _ in range(6):
        with pytest.raises(HunetError):
            segment(site, tmp_path / "letter.nii.gz")
    site.wait_for("HunetScansRefused")
    for _ in range(21):
        segment(site, scan)
    site.wait_for("HunetScanQualityLow")


def test_a_service_out_of_memory_and_out_of_files(site, tmp_path):
    process = site.stack.process("preprocess")
    large = nibabel.Nifti1Image(np.zeros((480, 480, 480), np.float32), np.eye(4))
    nibabel.save(large, tmp_path / "large.nii.gz")
    unlimited = process.rlimit(psutil.RLIMIT_AS)
    limit = process.memory_info().vms + 300 * 2**20
    process.rlimit(psutil.RLIMIT_AS, (limit, unlimited[1]))
    with pytest.raises(HunetError):
        segment(site, tmp_path / "large.nii.gz")
    process.rlimit(psutil.RLIMIT_AS, unlimited)
    site.wait_for("HunetPreprocessFails")

    many = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 40, many[1]))
    host, _, port = site.state.preprocess_address.rpartition(":")
    with ExitStack() as connections:
        for _ in range(35):
            connections.enter_context(socket.create_connection((host, int(port))))
        site.wait_for("HunetFileDescriptorsRunOut")
    process.rlimit(psutil.RLIMIT_NOFILE, many)


def test_more_scans_than_there_is_room_for(site):
    with Uploads(site, 17):
        site.wait_for("HunetPreprocessSaturated")
        stop = threading.Event()

        def keep_coming():
            while not stop.is_set():
                with Uploads(site, 4):
                    time.sleep(0.5)

        crowd = threading.Thread(target=keep_coming)
        crowd.start()
        site.wait_for("HunetPreprocessTurnsAway")
        stop.set()
        crowd.join()


class Crowd:
    """Requests of eight slices each, a second's work for ten of them; `errors` waits for their ends."""

    def __init__(self, site):
        self._ended = queue.Queue()
        self._sent = 0
        self._client = triton.InferenceServerClient(site.state.triton_grpc_address)

    def send(self, count, **options):
        self._sent += count
        for _ in range(count):
            self._client.async_infer("mamba_hunet", slices(8), lambda result, error: self._ended.put(error), **options)

    def errors(self):
        ended = [self._ended.get(timeout=90) for _ in range(self._sent)]
        self._client.close()
        return [error for error in ended if error is not None]


def test_more_requests_than_the_model_answers(site):
    crowd = Crowd(site)
    crowd.send(55, priority=1)
    crowd.send(55, priority=2)
    site.wait_for("HunetTritonQueueNearlyFull", "HunetTritonQueueSlow")
    crowd.errors()


def test_requests_that_wait_past_their_time(site):
    crowd = Crowd(site)
    crowd.send(40, priority=1)
    crowd.send(20, priority=2, timeout=500_000)
    site.wait_for("HunetInferenceFails")
    assert len(crowd.errors()) >= 20


def test_a_model_that_stands_still(site, scan):
    """Its Python processes are stopped, and those that the supervisor puts in their place as well."""
    crowd = Crowd(site)
    upload(site, scan.read_bytes())
    over = threading.Event()

    def stop_them():
        while not over.is_set():
            with contextlib.suppress(StopIteration, psutil.NoSuchProcess, IndexError):
                for stub in site.stack.stubs():
                    stub.suspend()
            time.sleep(0.05)

    stopping = threading.Thread(target=stop_them)
    stopping.start()
    crowd.send(20)
    site.wait_for("HunetModelDoesNotAnswer", "HunetGatewayStandsStill")
    over.set()
    stopping.join()
    # Between two starts there is none.
    with contextlib.suppress(StopIteration):
        site.stack.process("triton").kill()
    while site.stack.hunet("status").returncode != 0:
        time.sleep(0.5)


def test_uploads_that_fail(site, scan):
    for number in range(4):
        upload(site, scan.read_bytes()[: 3000 + number])
    site.wait_for("HunetGatewayJobsFail")


def test_an_archive_that_takes_nothing(site, tmp_path):
    phantom = site.stack.hunet("phantom", "-o", str(tmp_path), "--dicom")
    assert phantom.returncode == 0, phantom.stderr
    command = [sys.executable, "-m", "hunet_client", "send-study", str(tmp_path / "dicom"), "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, env=site.stack.environment) as sending:
        metrics = f"http://{site.state.gateway_http_address}/metrics"
        segmenting = re.compile(r'jobs\{kind="study",state="segmenting"\} 1.0')
        give_up_at = time.monotonic() + 120
        while not segmenting.search(requests.get(metrics, timeout=10).text):
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        with stopped(site.orthanc()):
            site.wait_for("HunetGatewayDeliveriesWait")
        sending.terminate()


def test_a_disk_that_is_nearly_full(site, disk):
    subprocess.run(["mount", "-o", "remount,size=8g", disk], check=True)
    site.wait_for("HunetGatewayStorageFull")
    subprocess.run(["mount", "-o", "remount,size=12g", disk], check=True)


def test_two_builds_side_by_side_and_a_part_that_is_not_known(site):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    known = json.loads(site.targets.read_text())
    other = other_build(address)
    try:
        site.targets.write_text(json.dumps([*known, {"targets": [address], "labels": {"job": "preprocess"}}]))
        site.wait_for("HunetVersionsMixed")
    finally:
        other.kill()
        other.communicate()
    site.targets.write_text(json.dumps([group for group in known if group["labels"]["job"] != "triton"]))
    site.wait_for("HunetPartMissing", patience_s=400)
    site.targets.write_text(json.dumps(known))


def test_a_part_that_is_silent_and_then_keeps_dying(site):
    with stopped(site.stack.process("preprocess")):
        site.wait_for("HunetPartDown", patience_s=45)
    for _ in range(4):
        dying = site.stack.process("preprocess")
        dying.kill()
        give_up_at = time.monotonic() + 60
        while True:
            try:
                if site.stack.process("preprocess").pid != dying.pid:
                    break
            except (StopIteration, psutil.NoSuchProcess):  # between two of them
                pass
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        time.sleep(2)
    site.wait_for("HunetPreprocessRestarts")


def test_every_other_alert_is_provoked_here():
    named = set(re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/rules/alerts.yml").read_text()))
    provoked = set(re.findall(r'"(Hunet\w+)"', Path(__file__).read_text())) - NOT_PROVOKED
    assert named - provoked == NOT_PROVOKED
