"""How fast the selective scans are, beside what they replace: medians of calls in turns, and their ratios.

Loops take their turns with the operator's forward alone, since they are few and long; all else has turns of its own.
"""

import os
from collections.abc import Callable
from functools import partial

import torch
from mamba_hunet.memory import keep_freed_memory
from mamba_hunet.selective_scan import selective_scan, selective_scan_2d, selective_scan_2d_ref, selective_scan_ref
from measuring.scan_inputs import random_images, random_sequences
from measuring.timing import medians_ms
from rich.console import Console
from rich.table import Table
from torch import Tensor

# (batch, dim, length, groups, d_state): the size of a language model's layer, then of four directions over an image.
SEQUENCES = [(1, 768, 4096, 1, 16), (1, 384, 4096, 4, 8), (8, 384, 1024, 4, 8)]

# (batch, height, width, channels, dt_rank, d_state): Mamba-HUNet's first stage on one slice, its four stages in
# training, and the first stage of VM-UNet.
IMAGES = [
    (1, 64, 64, 96, 3, 8),
    (8, 40, 40, 96, 3, 8),
    (8, 20, 20, 192, 6, 8),
    (8, 10, 10, 384, 12, 8),
    (8, 5, 5, 768, 24, 8),
    (1, 64, 64, 192, 6, 16),
]


def largest_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def compare_sequences(setting: str) -> Table:
    """The operator over sequences beside the plain PyTorch loop."""
    table = new_table(
        f"selective scan over sequences: {setting}",
        "(batch, dim, length, groups, d_state)", "loop ms", "forward ms", "loop / forward",
        "G states/s", "backward ms", "backward / forward", "largest error",
    )  # fmt: skip
    operators = torch.ops.mamba_hunet
    for shape in SEQUENCES:
        inputs = random_sequences(*shape)
        grad_y = torch.randn_like(inputs[0])
        error = largest_error(operators.selective_scan(*inputs, True), selective_scan_ref(*inputs, True))
        forward = partial(operators.selective_scan, *inputs, True)
        beside_loop = medians_ms({"loop": partial(selective_scan_ref, *inputs, True), "forward": forward}, repeats=3)
        backward = partial(operators.selective_scan_backward, grad_y, *inputs, True)
        ms = medians_ms({"forward": forward, "backward": backward}, repeats=25)
        batch, dim, length, _, d_state = shape
        table.add_row(
            str(shape),
            f"{beside_loop['loop']:.0f}",
            f"{ms['forward']:.1f}",
            f"{beside_loop['loop'] / beside_loop['forward']:.0f}",
            f"{batch * dim * length * d_state / ms['forward'] / 1e6:.2f}",
            f"{ms['backward']:.1f}",
            f"{ms['backward'] / ms['forward']:.2f}",
            f"{error:.0e}",
        )
    return table


def compare_images(setting: str) -> Table:
    """The operator over images beside the four sequences laid out, scanned by the other operator, and added up."""
    table = new_table(
        f"selective scan over images: {setting}",
        "(batch, height, width, channels, dt_rank, d_state)", "loop ms", "four scans ms", "forward ms",
        "loop / forward", "four scans / forward", "G states/s", "backward / forward",
        "four scans / operator in training", "largest error",
    )  # fmt: skip
    operators = torch.ops.mamba_hunet

    def four_scans(*inputs: Tensor) -> Tensor:
        return selective_scan_2d_ref(*inputs, scan=selective_scan)

    def gradients_of(scan: Callable[..., Tensor], grad_y: Tensor, leaves: list[Tensor]) -> object:
        return torch.autograd.grad(scan(*leaves), leaves, grad_y)

    for shape in IMAGES:
        inputs = random_images(*shape)
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        y, states = operators.selective_scan_2d(*inputs, True)
        grad_y = torch.randn_like(y)
        error = largest_error(y, selective_scan_2d_ref(*inputs))
        forward = partial(operators.selective_scan_2d, *inputs, False)
        beside_loop = medians_ms({"loop": partial(selective_scan_2d_ref, *inputs), "forward": forward}, repeats=3)
        ms = medians_ms(
            {
                "forward": forward,
                "backward": partial(operators.selective_scan_2d_backward, grad_y, states, *inputs),
                "four scans": partial(four_scans, *inputs),
                "training": partial(gradients_of, selective_scan_2d, grad_y, leaves),
                "four scans in training": partial(gradients_of, four_scans, grad_y, leaves),
            },
            repeats=15,
        )
        batch, height, width, channels, _, d_state = shape
        table.add_row(
            str(shape),
            f"{beside_loop['loop']:.0f}",
            f"{ms['four scans']:.1f}",
            f"{ms['forward']:.2f}",
            f"{beside_loop['loop'] / beside_loop['forward']:.0f}",
            f"{ms['four scans'] / ms['forward']:.1f}",
            f"{batch * height * width * 4 * channels * d_state / ms['forward'] / 1e6:.2f}",
            f"{ms['backward'] / ms['forward']:.2f}",
            f"{ms['four scans in training'] / ms['training']:.1f}",
            f"{error:.0e}",
        )
    return table


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    isa = os.environ.get("MAMBA_HUNET_ISA") or torch.ops.mamba_hunet.selective_scan_isas()[0]
    setting = f"{isa}, {torch.get_num_threads()} threads, medians"
    for compare in (compare_sequences, compare_images):
        Console(width=160).print(compare(setting))


if __name__ == "__main__":
    main()
