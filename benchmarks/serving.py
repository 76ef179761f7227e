"""What serving costs: slices a second through Triton at saturation, against the same program called in one process.

    .venv/bin/python benchmarks/serving.py [--slices 240] [--batch 4] [--in-flight 6]

Starts a stack of its own on free ports, and stops it before the network is measured alone. Alone it may use every core,
and of several batch sizes the best counts.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from hunet_client.home import MODEL_REPOSITORY, find_home
from hunet_client.stack_state import StackState

MODEL = "mamba_hunet"
OUTPUT = "LESION_PROBABILITY"
ALONE_BATCH_SIZES = (1, 4, 8, 16)
TARGET_RATIO = 0.95
TIMEOUT_S = 600


def served_slices_per_s(address: str, slices: int, batch: int, in_flight: int) -> float:
    """Keeps `in_flight` requests of `batch` slices under way until so many slices have been answered."""
    ended: queue.Queue = queue.Queue()
    request = triton.InferInput("SLICES", (batch, 1, 256, 256), "FP32")
    request.set_data_from_numpy(make_slices(batch))
    outputs = [triton.InferRequestedOutput(OUTPUT)]
    with triton.InferenceServerClient(address) as client:
        send = partial(client.async_infer, MODEL, [request], lambda result, error: ended.put(error), outputs=outputs)
        for _ in range(in_flight):
            send()
        # The first answers come from a server that is not saturated yet.
        for _ in range(in_flight):
            take(ended)
            send()
        began = time.perf_counter()
        for _ in range(slices // batch):
            take(ended)
            send()
        elapsed_s = time.perf_counter() - began
        for _ in range(in_flight):
            take(ended)
    return slices // batch * batch / elapsed_s


def take(ended: queue.Queue) -> None:
    error = ended.get(timeout=TIMEOUT_S)
    if error is not None:
        raise error


def make_slices(count: int) -> np.ndarray:
    """(count, 1, 256, 256) float32 of noise."""
    return np.random.default_rng(0).normal(size=(count, 1, 256, 256)).astype(np.float32)


def alone_slices_per_s(slices: int) -> dict[int, float]:
    """Batch size -> slices a second of the exported program in this process, on every core."""
    import torch
    from hunet_export.serving import ServedNetwork, use_cores

    use_cores(instances=1)
    network = ServedNetwork.load(find_home() / MODEL_REPOSITORY / MODEL / "1")
    speeds = {}
    for batch in ALONE_BATCH_SIZES:
        tensor = torch.from_numpy(make_slices(batch))
        calls = max(2, slices // len(ALONE_BATCH_SIZES) // batch)
        with torch.inference_mode():
            network.probabilities(tensor)
            began = time.perf_counter()
            for _ in range(calls):
                network.probabilities(tensor)
        speeds[batch] = calls * batch / (time.perf_counter() - began)
    return speeds


@contextmanager
def running_stack() -> Iterator[None]:
    """A stack on free ports, which clients of this process find."""
    with tempfile.TemporaryDirectory(prefix="hunet-benchmark-") as folder:
        os.environ["HUNET_STATE_DIR"] = folder
        hunet = [sys.executable, "-m", "hunet_client"]
        subprocess.run([*hunet, "up", "--detach", "--any-ports", f"--models={MODEL}"], check=True, stdout=sys.stderr)
        try:
            yield
        finally:
            subprocess.run([*hunet, "down"], check=True, stdout=sys.stderr)


def alone_in_a_process(slices: int) -> dict[int, float]:
    """`alone_slices_per_s` in a process of its own, under the memory settings that the stack gives Triton."""
    memory = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
    alone = subprocess.run(
        [sys.executable, str(Path(__file__)), "--alone", f"--slices={slices}"],
        env={**os.environ, **memory},
        capture_output=True,
        text=True,
        check=True,
    )
    return {int(batch): float(speed) for batch, speed in (line.split() for line in alone.stdout.splitlines())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=240)
    parser.add_argument("--batch", type=int, default=4, help="slices in one request")
    parser.add_argument("--in-flight", type=int, default=6, help="requests under way at once")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        for batch, speed in alone_slices_per_s(options.slices).items():
            print(batch, speed)
        return
    with running_stack():
        state = StackState.read()
        assert state is not None
        served = served_slices_per_s(state.triton_grpc_address, options.slices, options.batch, options.in_flight)
    speeds = alone_in_a_process(options.slices)
    best = max(speeds, key=speeds.__getitem__)
    print(f"served by Triton   {served:6.2f} slices/s   (requests of {options.batch}, {options.in_flight} in flight)")
    print(f"alone, one process {speeds[best]:6.2f} slices/s   (batches of {best}, all {os.cpu_count()} cores)")
    print(f"ratio              {served / speeds[best]:6.2f}            (target: at least {TARGET_RATIO})")


if __name__ == "__main__":
    main()
