"""How long each network takes for one slice, beside what a user would run instead and what the machine could do.

    .venv/bin/python benchmarks/networks.py [--networks unet mamba_hunet] [--repeats 15]

Networks take turns, call by call, so that whatever else the machine does meets all of them alike. Weights are random:
they do not change what is computed. Each gets all cores.

The limit is what the matrix and convolution work takes at the highest speed that a large matrix product reaches here,
and the state updates at the highest speed that the scan reaches here, one after the other.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch
from mamba_hunet.memory import keep_freed_memory
from mamba_hunet.networks import create_model, list_models
from mamba_hunet.networks.cost import NetworkCost, network_cost
from mamba_hunet.networks.inference_form import InferenceForm
from mamba_hunet.precision import Precision, native_precision
from mamba_hunet.selective_scan import selective_scan_2d_ref, selective_scan_ref
from measuring.scan_inputs import random_images
from measuring.timing import medians_s
from rich.console import Console
from rich.table import Table
from torch import Tensor

SLICE = (1, 1, 256, 256)
# VM-UNet's first stage, in which the scan is at its quickest; and a product that is at the machine's.
SCAN_SHAPE = (1, 64, 64, 192, 6, 16)
MATRIX_SIDE = 2048


def call_of(network: torch.nn.Module) -> Callable[[], Tensor]:
    """Runs a network on one slice of noise."""
    slices = torch.from_numpy(np.random.default_rng(0).normal(size=SLICE).astype(np.float32))

    def call() -> Tensor:
        with torch.inference_mode():
            return network(slices)

    return call


@contextmanager
def reference_scan() -> Iterator[None]:
    """Scans run as the published networks' do on a processor: `selective_scan_ref` over four laid-out sequences."""

    def scan_2d(*arguments: Tensor) -> Tensor:
        return selective_scan_2d_ref(*arguments, scan=selective_scan_ref)

    with patch("mamba_hunet.networks.ss2d.selective_scan_2d", scan_2d):
        yield


def with_reference_scan_s(name: str, precision: Precision) -> float:
    """Seconds of one slice with the plain loop, all else in the same precision; once, since it takes long."""
    network = InferenceForm(create_model(name).eval(), precision)
    with reference_scan():
        return medians_s({name: call_of(network)}, repeats=1)[name]


def machine_limits(precision: Precision, repeats: int) -> tuple[float, float]:
    """Highest speeds here: multiply-accumulates a second, and state updates a second."""
    dtype = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
    left, right = (torch.randn(MATRIX_SIDE, MATRIX_SIDE).to(dtype) for _ in range(2))
    scan = random_images(*SCAN_SHAPE)
    calls: dict[str, Callable[[], object]] = {
        "product": lambda: left @ right,
        "scan": lambda: torch.ops.mamba_hunet.selective_scan_2d(*scan, False),
    }
    times_s = medians_s(calls, repeats)
    batch, height, width, channels, _, d_state = SCAN_SHAPE
    updates = batch * height * width * 4 * channels * d_state
    return MATRIX_SIDE**3 / times_s["product"], updates / times_s["scan"]


def peers() -> dict[str, Callable[[], object]]:
    """The table's U-Net in ONNX Runtime (float32) and OpenVINO (as it chooses), where these are installed."""
    try:
        import onnxruntime
        import openvino
    except ImportError:
        return {}
    exported = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(InferenceForm(create_model("unet").eval()), (torch.zeros(SLICE),), exported, dynamo=False)  # type: ignore[arg-type]
    slices = np.random.default_rng(0).normal(size=SLICE).astype(np.float32)
    session = onnxruntime.InferenceSession(exported.getvalue(), providers=["CPUExecutionProvider"])
    (name,) = (given.name for given in session.get_inputs())
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(exported.getvalue()), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    return {
        "unet, ONNX Runtime, float32": lambda: session.run(None, {name: slices}),
        "unet, OpenVINO": lambda: compiled([slices]),
    }


def compare(names: list[str], precision: Precision, repeats: int) -> Table:
    """Each network in the form that is served."""
    networks = {name: InferenceForm(create_model(name).eval(), precision) for name in names}
    calls: dict[str, Callable[[], object]] = {name: call_of(network) for name, network in networks.items()}
    times_s = medians_s(calls | peers(), repeats)
    macs_per_s, updates_per_s = machine_limits(precision, repeats)
    table = Table(
        "network", "ms a slice", "with the plain loop ms", "loop / operator", "limit ms", "time / limit",
        title=f"one slice, {precision.value}, {torch.get_num_threads()} threads; limits: "
        f"{macs_per_s / 1e9:.0f} GMAC/s, {updates_per_s / 1e9:.1f} G state updates/s",
    )  # fmt: skip
    for name, time_s in times_s.items():
        cost = network_cost(name) if name in networks else None
        table.add_row(
            name, f"{time_s * 1e3:.1f}", *_comparisons(name, precision, time_s, cost, macs_per_s, updates_per_s)
        )
    return table


def _comparisons(
    name: str, precision: Precision, time_s: float, cost: NetworkCost | None, macs_per_s: float, updates_per_s: float
) -> tuple[str, ...]:
    if cost is None:
        return ("", "", "", "")
    limit_s = cost.multiply_accumulates / macs_per_s + cost.state_updates / updates_per_s
    limits = (f"{limit_s * 1e3:.1f}", f"{time_s / limit_s:.1f}")
    if not cost.state_updates:
        return ("", "", *limits)
    loop_s = with_reference_scan_s(name, precision)
    return (f"{loop_s * 1e3:.0f}", f"{loop_s / time_s:.0f}", *limits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list_models(), default=list(list_models()))
    parser.add_argument("--precision", type=Precision, choices=list(Precision), default=native_precision())
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    Console(width=140).print(compare(options.networks, options.precision, options.repeats))


if __name__ == "__main__":
    main()
