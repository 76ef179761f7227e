"""The selective scan beside what one would use instead on a CPU: PyTorch's loop, mamba.py's parallel scan, plain C++.

    .venv/bin/python benchmarks/scan_alternatives.py

All get the same inputs and every core, and take turns, call by call; every answer is compared with the PyTorch loop's.
That loop is not trained: autograd makes a whole gradient of zeros for each of its steps, which takes minutes.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from mamba_hunet.memory import keep_freed_memory
from mamba_hunet.selective_scan import selective_scan, selective_scan_ref
from mambapy.pscan import pscan
from measuring.scan_inputs import Sequences, random_sequences
from measuring.timing import medians_ms
from rich.console import Console
from rich.table import Table
from selective_scan import largest_error
from torch import Tensor

# (batch, dim, length, groups, d_state); mamba.py has one B and C for all channels.
SHAPES = [(1, 768, 4096, 1, 16), (8, 384, 1024, 1, 8)]
OPERATOR = "this operator"
MAMBA_PY = "mamba.py, parallel scan"

Scan = Callable[..., Tensor]


def mamba_py(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, delta_bias: Tensor) -> Tensor:
    """As `mambapy.mamba.MambaBlock.selective_scan` has it, with the step size's softplus before it."""
    step = torch.nn.functional.softplus(delta + delta_bias[:, None]).transpose(1, 2)  # (batch, length, dim)
    B, C = (tensor[:, 0].transpose(1, 2) for tensor in (B, C))  # (batch, length, d_state)
    u = u.transpose(1, 2)
    decay = torch.exp(step[..., None] * A)
    states = pscan(decay, step[..., None] * B[:, :, None] * u[..., None])  # (batch, length, dim, d_state)
    return ((states @ C[..., None])[..., 0] + D * u).transpose(1, 2)


def plain_cpp(library: ctypes.CDLL, *inputs: Tensor) -> Tensor:
    y = torch.empty_like(inputs[0])
    batch, dim, length = y.shape
    sizes = (ctypes.c_long(size) for size in (batch, dim, length, inputs[2].shape[1]))
    library.plain_loop(*(ctypes.c_void_p(tensor.data_ptr()) for tensor in (*inputs, y)), *sizes)
    return y


def build_plain_cpp(folder: Path) -> ctypes.CDLL:
    """Compiled for this machine with everything that a user would switch on."""
    source, compiled, library = Path(__file__).with_name("plain_loop.cpp"), folder / "loop.o", folder / "loop.so"
    compiler = os.environ.get("CXX", "c++")
    options = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC"]
    subprocess.run([compiler, *options, "-c", source, "-o", compiled], check=True)
    # Linked with -ffast-math, a library makes the whole process flush denormal numbers once it is loaded.
    subprocess.run([compiler, "-shared", "-fopenmp", compiled, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def forward_and_backward(scan: Scan, inputs: Sequences, grad_y: Tensor) -> None:
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    torch.autograd.grad(scan(*leaves), leaves, grad_y)


def compare(scans: dict[str, Scan], trainable: Sequence[str], shape: tuple[int, int, int, int, int]) -> Table:
    inputs = random_sequences(*shape)
    expected = selective_scan_ref(*inputs, delta_softplus=True)
    grad_y = torch.randn_like(expected)
    forward_ms = medians_ms({name: partial(scan, *inputs) for name, scan in scans.items()}, repeats=3)
    training_ms = medians_ms(
        {name: partial(forward_and_backward, scans[name], inputs, grad_y) for name in trainable}, repeats=3
    )
    table = Table(
        "scan", "forward ms", "times this operator", "with backward ms", "times this operator", "largest error",
        title=f"(batch, dim, length, groups, d_state) = {shape}",
    )  # fmt: skip
    for name, scan in scans.items():
        training = training_ms.get(name)
        table.add_row(
            name,
            f"{forward_ms[name]:.1f}",
            f"{forward_ms[name] / forward_ms[OPERATOR]:.1f}",
            "" if training is None else f"{training:.1f}",
            "" if training is None else f"{training / training_ms[OPERATOR]:.1f}",
            f"{largest_error(scan(*inputs), expected):.0e}",
        )
    return table


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="hunet-plain-") as folder:
        scans: dict[str, Scan] = {
            OPERATOR: partial(selective_scan, delta_softplus=True),
            "plain C++ loop": partial(plain_cpp, build_plain_cpp(Path(folder))),
            MAMBA_PY: mamba_py,
            "loop in PyTorch": partial(selective_scan_ref, delta_softplus=True),
        }
        for shape in SHAPES:
            Console(width=120).print(compare(scans, (OPERATOR, MAMBA_PY), shape))


if __name__ == "__main__":
    main()
