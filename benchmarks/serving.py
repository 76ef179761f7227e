"""What serving costs: the real `perf_analyzer` against Triton, beside the same program called in one process.

    .venv/bin/python benchmarks/serving.py [--batches 1 2 4 8 16] [--callers 1 2 4 8 16]

Starts a stack of its own on free ports, and stops it before the network is measured alone. Alone it may use every core,
and of all batch sizes the best counts. What served best is measured three times more, and their median counts, since
the best of many figures flatters. The whole grid is drawn to `benchmarks/results/serving.png`.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from hunet_client.home import MODEL_REPOSITORY, find_home
from hunet_client.stack_state import StackState
from hunet_local.triton import ENVIRONMENT
from rich.console import Console
from rich.table import Table

MODEL = "mamba_hunet"
HERE = Path(__file__).parent
BATCHES = CALLERS = (1, 2, 4, 8, 16)
TARGET_RATIO = 0.95
# Windows of time would hold less than one answer of a large batch.
REQUESTS_IN_WINDOW, SLICES_IN_WINDOW = 16, 160
OUTPUT_BYTES_A_SLICE = 256 * 256 * 4


@dataclass(frozen=True)
class Served:
    """What so many callers, each sending its next batch when the last is answered, got out of Triton."""

    batch: int
    callers: int
    slices_per_s: float
    p50_ms: float
    p99_ms: float


def perf_analyzer(address: str, batch: int, callers: Sequence[int], *options: str) -> list[Served]:
    """Runs it once for each number of callers; raises CalledProcessError."""
    results = []
    with tempfile.TemporaryDirectory(prefix="hunet-perf-") as folder:
        window = str(max(REQUESTS_IN_WINDOW, SLICES_IN_WINDOW // batch))
        for count in callers:
            report = Path(folder) / f"{count}.csv"
            command = [
                str(HERE / "perf_analyzer.sh"), "-m", MODEL, "-i", "grpc", "-u", address, "-b", str(batch),
                "--concurrency-range", str(count), "--input-data", "zero", "--percentile", "50",
                "--measurement-mode", "count_windows", "--measurement-request-count", window,
                "--stability-percentage", "25", "-f", str(report), *options,
            ]  # fmt: skip
            ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if ended.returncode != 0:
                print(ended.stdout, file=sys.stderr)
                raise subprocess.CalledProcessError(ended.returncode, command)
            [row] = csv.DictReader(report.open(encoding="utf-8"))
            served = Served(
                batch,
                count,
                float(row["Inferences/Second"]),
                float(row["p50 latency"]) / 1e3,
                float(row["p99 latency"]) / 1e3,
            )
            print(f"batches of {batch}, {count} callers: {served.slices_per_s:.1f} slices/s", file=sys.stderr)
            results.append(served)
    return results


def alone_slices_per_s(batches: Sequence[int]) -> dict[int, float]:
    """Batch size -> slices a second of the exported program in this process, on every core."""
    import torch
    from hunet_export.memory import keep_freed_memory
    from hunet_export.serving import ServedNetwork, use_cores

    keep_freed_memory()
    use_cores(instances=1)
    network = ServedNetwork.load(find_home() / MODEL_REPOSITORY / MODEL / "1")
    speeds = {}
    for batch in batches:
        tensor = torch.zeros(batch, 1, 256, 256)
        calls = max(3, SLICES_IN_WINDOW // batch)
        with torch.inference_mode():
            network.probabilities(tensor)
            began = time.perf_counter()
            for _ in range(calls):
                network.probabilities(tensor)
        speeds[batch] = calls * batch / (time.perf_counter() - began)
    return speeds


@contextmanager
def running_stack() -> Iterator[str]:
    """A stack on free ports: the address of its Triton."""
    with tempfile.TemporaryDirectory(prefix="hunet-benchmark-") as folder:
        os.environ["HUNET_STATE_DIR"] = folder
        hunet = [sys.executable, "-m", "hunet_client"]
        subprocess.run([*hunet, "up", "--detach", "--any-ports", f"--models={MODEL}"], check=True, stdout=sys.stderr)
        try:
            state = StackState.read()
            assert state is not None
            yield state.triton_grpc_address
        finally:
            subprocess.run([*hunet, "down"], check=True, stdout=sys.stderr)


def alone_in_a_process(batches: Sequence[int]) -> dict[int, float]:
    """`alone_slices_per_s` in a process of its own, with the settings that the stack gives Triton."""
    alone = subprocess.run(
        [sys.executable, str(Path(__file__)), "--alone", "--batches", *map(str, batches)],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    return {int(batch): float(speed) for batch, speed in (line.split() for line in alone.stdout.splitlines())}


def grid(served: Sequence[Served], alone: dict[int, float], callers: Sequence[int]) -> Table:
    """Slices a second by batch and callers, with the latency below."""
    heading = [f"{count} caller{'s' if count > 1 else ''}" for count in callers]
    table = Table("batch", *heading, "alone", title="slices a second through Triton, and p50 / p99 ms of a request")
    for batch, speed in alone.items():
        row = {result.callers: result for result in served if result.batch == batch}
        cells = (
            f"{row[n].slices_per_s:.1f}\n{row[n].p50_ms:.0f} / {row[n].p99_ms:.0f}" if n in row else "" for n in callers
        )
        table.add_row(str(batch), *cells, f"{speed:.1f}")
    return table


def draw(served: Sequence[Served], alone: dict[int, float], picture: Path) -> None:
    """Throughput against callers, a line for each batch size; the best of one process as a level."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for batch in alone:
        line = [result for result in served if result.batch == batch]
        axes.plot(
            [result.callers for result in line],
            [result.slices_per_s for result in line],
            marker="o",
            label=f"batches of {batch}",
        )
    axes.axhline(max(alone.values()), color="black", linestyle="--", label="one process, its best batch")
    axes.set(xscale="log", xlabel="callers at once", ylabel="slices a second", ylim=(0, None))
    callers = [result.callers for result in served if result.batch == served[0].batch]
    axes.set_xticks(callers, list(map(str, callers)))
    axes.minorticks_off()
    axes.legend(fontsize="small")
    figure.savefig(picture, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="slices in one request")
    parser.add_argument("--callers", type=int, nargs="+", default=CALLERS, help="requests under way at once")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        for batch, speed in alone_slices_per_s(options.batches).items():
            print(batch, speed)
        return
    with running_stack() as address:
        served = [result for batch in options.batches for result in perf_analyzer(address, batch, options.callers)]
        best = max(served, key=lambda result: result.slices_per_s)
        size = str(OUTPUT_BYTES_A_SLICE * best.batch)
        shared = ("--shared-memory", "system", "--output-shared-memory-size", size)
        turns = [perf_analyzer(address, best.batch, [best.callers], *kind)[0] for kind in [(), shared] * 3]
    alone = alone_in_a_process(BATCHES)
    Console(width=120).print(grid(served, alone, options.callers))
    over_wire, by_memory = (np.median([result.slices_per_s for result in kind]) for kind in (turns[::2], turns[1::2]))
    most = max(alone.values())
    print(f"saturated         {over_wire:6.2f} slices/s   ({best.callers} callers, batches of {best.batch})")
    print(f"alone             {most:6.2f} slices/s   (one process, all {os.cpu_count()} cores, its best batch)")
    print(f"ratio             {over_wire / most:6.2f}            (target: at least {TARGET_RATIO})")
    print(f"shared memory     {by_memory / over_wire:6.2f} times that of the wire, in turns")
    if (tuple(options.batches), tuple(options.callers)) == (BATCHES, CALLERS):
        draw(served, alone, HERE / "results" / "serving.png")


if __name__ == "__main__":
    main()
