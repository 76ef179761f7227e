"""How fast the selective scans are, beside what they replace: medians of one run, and their ratios."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from mamba_hunet.memory import keep_freed_memory
from mamba_hunet.selective_scan import selective_scan, selective_scan_2d_ref, selective_scan_ref
from networks import medians_s
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


# u, delta, A, B, C, D, delta_bias
Sequences = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def random_sequences(batch: int, dim: int, length: int, groups: int, d_state: int) -> Sequences:
    """As in a network that starts to learn."""
    return (
        torch.randn(batch, dim, length),
        torch.randn(batch, dim, length) * 0.5 - 3,
        -torch.arange(1.0, d_state + 1).repeat(dim, 1),
        torch.randn(batch, groups, d_state, length),
        torch.randn(batch, groups, d_state, length),
        torch.ones(dim),
        torch.zeros(dim),
    )


def random_images(batch: int, height: int, width: int, channels: int, dt_rank: int, d_state: int) -> list[Tensor]:
    """(x, projected, dt_weight, dt_bias, A, D) as in a network that starts to learn."""
    return [
        torch.randn(batch, height, width, channels),
        torch.randn(batch, height, width, 4, dt_rank + 2 * d_state),
        torch.randn(4, channels, dt_rank) * 0.5 * dt_rank**-0.5,
        torch.full((4, channels), -3.0),
        -torch.arange(1.0, d_state + 1).repeat(4 * channels, 1),
        torch.ones(4 * channels),
    ]


def medians_ms(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """`medians_s` in milliseconds."""
    return {name: 1e3 * median_s for name, median_s in medians_s(calls, repeats).items()}


def median_ms(function: Callable[..., object], *arguments: object, repeats: int) -> float:
    return medians_ms({"": partial(function, *arguments)}, repeats)[""]


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
        loop_ms = median_ms(selective_scan_ref, *inputs, True, repeats=3)
        forward_ms = median_ms(operators.selective_scan, *inputs, True, repeats=25)
        backward_ms = median_ms(operators.selective_scan_backward, grad_y, *inputs, True, repeats=15)
        batch, dim, length, _, d_state = shape
        table.add_row(
            str(shape),
            f"{loop_ms:.0f}",
            f"{forward_ms:.1f}",
            f"{loop_ms / forward_ms:.0f}",
            f"{batch * dim * length * d_state / forward_ms / 1e6:.2f}",
            f"{backward_ms:.1f}",
            f"{backward_ms / forward_ms:.2f}",
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

    def train_four_scans(grad_y: Tensor, *leaves: Tensor) -> None:
        torch.autograd.grad(four_scans(*leaves), leaves, grad_y)

    for shape in IMAGES:
        inputs = random_images(*shape)
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        y, states = operators.selective_scan_2d(*inputs, True)
        grad_y = torch.randn_like(y)
        error = largest_error(y, selective_scan_2d_ref(*inputs))
        loop_ms = median_ms(selective_scan_2d_ref, *inputs, repeats=1)
        four_ms = median_ms(four_scans, *inputs, repeats=15)
        four_training_ms = median_ms(train_four_scans, grad_y, *leaves, repeats=9)
        forward_ms = median_ms(operators.selective_scan_2d, *inputs, False, repeats=25)
        keeping_ms = median_ms(operators.selective_scan_2d, *inputs, True, repeats=25)
        backward_ms = median_ms(operators.selective_scan_2d_backward, grad_y, states, *inputs, repeats=15)
        batch, height, width, channels, _, d_state = shape
        table.add_row(
            str(shape),
            f"{loop_ms:.0f}",
            f"{four_ms:.1f}",
            f"{forward_ms:.2f}",
            f"{loop_ms / forward_ms:.0f}",
            f"{four_ms / forward_ms:.1f}",
            f"{batch * height * width * 4 * channels * d_state / forward_ms / 1e6:.2f}",
            f"{backward_ms / forward_ms:.2f}",
            f"{four_training_ms / (keeping_ms + backward_ms):.1f}",
            f"{error:.0e}",
        )
    return table


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    setting = f"{torch.ops.mamba_hunet.selective_scan_isas()[0]}, {torch.get_num_threads()} threads, medians"
    for compare in (compare_sequences, compare_images):
        Console(width=160).print(compare(setting))


if __name__ == "__main__":
    main()
