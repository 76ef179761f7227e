"""Triton's queue when more is asked of it than it can do: who is refused, how soon, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
import urllib.request
from dataclasses import replace

import numpy as np
import pytest
import tritonclient.grpc.aio as triton
from google.protobuf import text_format
from hunet_export.description import describe
from hunet_export.triton_config import triton_config
from hunet_local.addresses import choose_addresses
from hunet_local.install import ensure_installed, runtime_folder
from tritonclient.utils import InferenceServerException

QUEUE = 8
MODEL_PY = """
import time
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        time.sleep({seconds})
        mask = pb.Tensor("LESION_MASK", np.zeros((1, 1, 256, 256), np.uint8))
        return [pb.InferenceResponse([mask]) for _ in requests]
"""


@pytest.fixture
def slow_triton(tmp_path):
    """`slow_triton(seconds)`: a real Triton whose one model takes so long, with our queue, 8 requests long."""
    servers = []

    def start(seconds):
        write_model(tmp_path / "slow", seconds)
        runtime, addresses = ensure_installed(runtime_folder(), print), choose_addresses({}, usual=False)
        command = [
            str(runtime.server), f"--model-repository={tmp_path}", f"--backend-directory={runtime.backends}",
            "--disable-auto-complete-config", f"--grpc-port={addresses.triton_grpc.port}",
            f"--http-port={addresses.triton_http.port}", f"--metrics-port={addresses.triton_metrics.port}",
            "--allow-gpu-metrics=false", "--exit-timeout-secs=1",
            f"--backend-config=python,shm-region-prefix-name=overload-{os.getpid()}",
        ]  # fmt: skip
        log = (tmp_path / "triton.log").open("wb")
        environment = {**os.environ, **runtime.environment()}
        servers.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        wait_until_ready(addresses.triton_http.port, tmp_path / "triton.log")
        return addresses

    yield start
    for server in servers:
        server.terminate()
        server.wait(30)


def write_model(folder, seconds):
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text(MODEL_PY.format(seconds=seconds))
    served = describe("slow")
    queues = tuple(replace(queue, max_queued_requests=QUEUE) for queue in served.priority_queues)
    config = triton_config(replace(served, priority_queues=queues))
    config.max_batch_size = 1
    config.instance_group[0].count = 1
    del config.dynamic_batching.preferred_batch_size[:]
    del config.model_warmup[:]
    del config.output[2], config.output[0]
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))


def wait_until_ready(port, log):
    give_up_at = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.05)


def pending(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.search(
            r'^nv_inference_pending_request_count{.*"slow".*} (\d+)', answer.read().decode(), re.MULTILINE
        )
    return int(found.group(1))


async def ask_at_once(address, count, **options):
    """(seconds, error or None) of each of so many simultaneous requests."""
    slices = triton.InferInput("SLICES", (1, 1, 256, 256), "FP32")
    slices.set_data_from_numpy(np.zeros((1, 1, 256, 256), np.float32))
    async with triton.InferenceServerClient(address) as client:
        began = time.perf_counter()

        async def ask():
            try:
                await client.infer("slow", [slices], **options)
            except InferenceServerException as error:
                return time.perf_counter() - began, str(error)
            return time.perf_counter() - began, None

        return await asyncio.gather(*(ask() for _ in range(count)))


def test_what_the_queue_cannot_hold_is_refused_at_once_and_the_rest_is_answered(slow_triton):
    addresses = slow_triton(seconds=0.5)
    ended = asyncio.run(ask_at_once(str(addresses.triton_grpc), 32))
    refused_s = [seconds for seconds, error in ended if error is not None]
    answered_s = [seconds for seconds, error in ended if error is None]
    assert all("Exceeds maximum queue size" in error for _, error in ended if error is not None)
    assert len(refused_s) + len(answered_s) == 32
    assert QUEUE <= len(answered_s) <= QUEUE + 2
    # Long before the model has answered anybody.
    assert max(refused_s) < min(answered_s)
    assert pending(addresses.triton_metrics.port) == 0


def test_requests_whose_deadline_has_passed_leave_the_queue(slow_triton):
    addresses = slow_triton(seconds=1)
    ended = asyncio.run(ask_at_once(str(addresses.triton_grpc), 100, timeout=50_000, client_timeout=0.05))
    assert [error for _, error in ended if error is None] == []
    # No longer than the one that is being computed, and the next, which is taken up or dropped.
    give_up_at = time.monotonic() + 10
    while pending(addresses.triton_metrics.port):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
