"""A Triton whose one model takes as long as one likes, with our queue, and many requests to it at once."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import tritonclient.grpc.aio as triton
from google.protobuf import text_format
from hunet_export.description import describe
from hunet_export.triton_config import triton_config
from hunet_local.addresses import Address, Addresses, choose_addresses
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


@contextmanager
def serving_slowly(folder: Path, seconds: float) -> Iterator[Addresses]:
    """A real Triton, its repository in `folder`, whose model ``slow`` takes so long; our queue, 8 requests long."""
    write_model(folder / "slow", seconds)
    runtime, addresses = ensure_installed(runtime_folder(), print), choose_addresses({}, usual=False)
    command = [
        str(runtime.server), f"--model-repository={folder}", f"--backend-directory={runtime.backends}",
        "--disable-auto-complete-config", f"--grpc-port={addresses.triton_grpc.port}",
        f"--http-port={addresses.triton_http.port}", f"--metrics-port={addresses.triton_metrics.port}",
        "--allow-gpu-metrics=false", "--exit-timeout-secs=1",
        f"--backend-config=python,shm-region-prefix-name=overload-{os.getpid()}",
    ]  # fmt: skip
    log = folder / "triton.log"
    with log.open("wb") as output:
        environment = {**os.environ, **runtime.environment()}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        wait_until_ready(addresses.triton_http.port, log)
        yield addresses
    finally:
        # Triton does not wait for a model that is at work, nor end it.
        stubs = psutil.Process(server.pid).children(recursive=True)
        server.terminate()
        server.wait(30)
        for stub in stubs:
            with suppress(psutil.NoSuchProcess):
                stub.kill()
        for region in Path("/dev/shm").glob(f"overload-{os.getpid()}*"):
            region.unlink()


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


async def ask_at_once(address: Address, count, **options):
    """(seconds, error or None) of each of so many simultaneous requests."""
    slices = triton.InferInput("SLICES", (1, 1, 256, 256), "FP32")
    slices.set_data_from_numpy(np.zeros((1, 1, 256, 256), np.float32))
    async with triton.InferenceServerClient(str(address)) as client:
        began = time.perf_counter()

        async def ask():
            try:
                await client.infer("slow", [slices], **options)
            except InferenceServerException as error:
                return time.perf_counter() - began, str(error)
            return time.perf_counter() - began, None

        return await asyncio.gather(*(ask() for _ in range(count)))
