"""How fast the selective scan is, beside the plain PyTorch loop: medians of one run, and their ratios."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from mamba_hunet.selective_scan import selective_scan_ref
from rich.console import Console
from rich.table import Table

# (batch, dim, length, groups, d_state): the size of a language model's layer, then of four directions over an image.
SHAPES = [(1, 768, 4096, 1, 16), (1, 384, 4096, 4, 8), (8, 384, 1024, 4, 8)]


def random_arguments(batch: int, dim: int, length: int, groups: int, d_state: int) -> tuple[Any, ...]:
    """(u, delta, A, B, C, D, delta_bias, delta_softplus) as in a network that starts to learn."""
    return (
        torch.randn(batch, dim, length),
        torch.randn(batch, dim, length) * 0.5 - 3,
        -torch.arange(1.0, d_state + 1).repeat(dim, 1),
        torch.randn(batch, groups, d_state, length),
        torch.randn(batch, groups, d_state, length),
        torch.ones(dim),
        torch.zeros(dim),
        True,
    )


def median_ms(function: Callable[..., object], *arguments: object, repeats: int) -> float:
    function(*arguments)
    times_ms = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        times_ms.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times_ms)


def main() -> None:
    torch.manual_seed(0)
    isa = torch.ops.mamba_hunet.selective_scan_isas()[0]
    table = Table(title=f"selective scan: {isa}, {torch.get_num_threads()} threads, medians")
    for column in (
        "(batch, dim, length, groups, d_state)", "loop ms", "forward ms", "loop / forward",
        "G states/s", "backward ms", "backward / forward", "largest error",
    ):  # fmt: skip
        table.add_column(column, justify="right")

    operators = torch.ops.mamba_hunet
    for shape in SHAPES:
        arguments = random_arguments(*shape)
        grad_y = torch.randn_like(arguments[0])
        expected, actual = selective_scan_ref(*arguments), operators.selective_scan(*arguments)
        error = ((actual - expected).abs().max() / expected.abs().max()).item()
        loop_ms = median_ms(selective_scan_ref, *arguments, repeats=3)
        forward_ms = median_ms(operators.selective_scan, *arguments, repeats=25)
        backward_ms = median_ms(operators.selective_scan_backward, grad_y, *arguments, repeats=15)
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
    Console().print(table)


if __name__ == "__main__":
    main()
