"""What the selective scan costs against length, channels, batch and state, and the exponent that fits: 1 is linear.

    .venv/bin/python benchmarks/scan_scaling.py

Draws `benchmarks/results/scan_scaling.png`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from mamba_hunet.memory import keep_freed_memory
from mamba_hunet.selective_scan import selective_scan
from measuring.scan_inputs import random_sequences
from measuring.timing import medians_ms
from rich.console import Console
from rich.table import Table

# (batch, dim, length, groups, d_state), with one of them taken through the sizes.
BASE = {"batch": 1, "dim": 384, "length": 4096, "groups": 1, "d_state": 16}
SIZES = {
    "length": (1024, 2048, 4096, 8192, 16384),
    "dim": (192, 384, 768, 1536),
    "batch": (1, 2, 4, 8, 16),
    "d_state": (8, 16, 32, 64),
}
PICTURE = Path(__file__).parent / "results" / "scan_scaling.png"


def time_sizes(name: str, sizes: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """Medians in ms, forward and backward, of one dimension's sizes, which take turns."""
    forward, backward = {}, {}
    for size in sizes:
        inputs = random_sequences(**(BASE | {name: size}))
        grad_y = torch.randn_like(inputs[0])
        forward[str(size)] = partial(selective_scan, *inputs, delta_softplus=True)
        backward[str(size)] = partial(torch.ops.mamba_hunet.selective_scan_backward, grad_y, *inputs, True)
    return list(medians_ms(forward, repeats=11).values()), list(medians_ms(backward, repeats=5).values())


def exponent(sizes: tuple[int, ...], times_ms: list[float]) -> float:
    """p of time = c size^p, fitted to the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times_ms), 1)[0])


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    table = Table(
        "taken through", "sizes", "forward ms", "exponent", "backward ms", "exponent",
        title=f"selective scan, {BASE}; {torch.get_num_threads()} threads, medians",
    )  # fmt: skip
    figure, panels = plt.subplots(1, len(SIZES), figsize=(3 * len(SIZES), 3), layout="constrained", sharey=True)
    for (name, sizes), axes in zip(SIZES.items(), panels, strict=True):
        times = dict(zip(("forward", "backward"), time_sizes(name, sizes), strict=True))
        cells = [name, " ".join(map(str, sizes))]
        for direction, times_ms in times.items():
            power = exponent(sizes, times_ms)
            cells += [" ".join(f"{time_ms:.1f}" for time_ms in times_ms), f"{power:.2f}"]
            axes.plot(sizes, times_ms, marker="o", label=f"{direction}: exponent {power:.2f}")
        table.add_row(*cells)
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.set_xticks(sizes, map(str, sizes))
        axes.minorticks_off()
        axes.legend(fontsize="x-small")
    panels[0].set_ylabel("ms")
    figure.savefig(PICTURE, dpi=120)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
