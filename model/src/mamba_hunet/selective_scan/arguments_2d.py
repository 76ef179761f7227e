"""Checks of the arguments of the operator over images where no compiled code makes them: on CUDA."""

import torch
from torch import Tensor

from mamba_hunet.selective_scan.reference_2d import DIRECTIONS

MAX_STATES = 64
_MAPS = ("x", "projected")  # these may be stored in half precision
_HALF_OR_FLOAT = (torch.float32, torch.bfloat16, torch.float16)


def checked(x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor) -> list[Tensor]:
    """The arguments of `selective_scan_2d` in their order, contiguous.

    Raises:
        ValueError: a shape does not fit; the message names the argument.
        TypeError: a dtype does not fit, float64 among them; the message names the argument.
    """
    for tensor, name, axes in (
        (x, "x", "(batch, height, width, channels)"),
        (dt_weight, "dt_weight", "(4, channels, dt_rank)"),
        (A, "A", "(4 channels, d_state)"),
    ):
        if tensor.dim() != axes.count(",") + 1:
            raise ValueError(f"selective_scan_2d: {name} has shape {list(tensor.shape)}; expected {axes}.")
    channels, dt_rank, d_state = x.shape[3], dt_weight.shape[2], A.shape[1]
    if not 1 <= d_state <= MAX_STATES:
        raise ValueError(
            f"selective_scan_2d: A has shape {list(A.shape)}; "
            f"expected (4 channels, d_state) with d_state from 1 to {MAX_STATES}."
        )
    size = dt_rank + 2 * d_state
    check_shape(projected, "projected", (*x.shape[:3], 4, size), "(batch, height, width, 4, dt_rank + 2 d_state)")
    check_shape(dt_weight, "dt_weight", (DIRECTIONS, channels, dt_rank), "(4, channels, dt_rank)")
    check_shape(dt_bias, "dt_bias", (DIRECTIONS, channels), "(4, channels)")
    check_shape(A, "A", (DIRECTIONS * channels, d_state), "(4 channels, d_state)")
    check_shape(D, "D", (DIRECTIONS * channels,), "(4 channels)")
    arguments = {"x": x, "projected": projected, "dt_weight": dt_weight, "dt_bias": dt_bias, "A": A, "D": D}
    for name, tensor in arguments.items():
        if tensor.dtype not in (_HALF_OR_FLOAT if name in _MAPS else (torch.float32,)):
            expected = "float32, bfloat16 or float16" if name in _MAPS else "float32"
            raise TypeError(f"selective_scan_2d: {name} is {tensor.dtype}; on CUDA expected {expected}.")
    return [tensor.contiguous() for tensor in arguments.values()]


def check_shape(tensor: Tensor, name: str, expected: tuple[int, ...], axes: str) -> None:
    """Raises ValueError, naming the argument, unless the tensor has the shape."""
    if tuple(tensor.shape) != expected:
        raise ValueError(
            f"selective_scan_2d: {name} has shape {list(tensor.shape)}; expected {axes} = {list(expected)}."
        )
