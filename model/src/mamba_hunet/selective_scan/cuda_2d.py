"""What the operator over images runs on CUDA: Triton-language kernels (`triton_2d`), imported when first called.

They need a GPU: the tests, which run without one, run the kernels in Triton's interpreter, and compile them for GPUs
without running them there.
"""

from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

from mamba_hunet.selective_scan.arguments_2d import check_shape, checked
from mamba_hunet.selective_scan.reference_2d import DIRECTIONS

Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]

STEPS_IN_CHUNK = 16  # between two states that are kept


def scan(
    x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor, keep_states: bool
) -> tuple[Tensor, Tensor]:
    """``selective_scan_2d`` on CUDA tensors; the arguments of the operator.

    Returns:
        y, and the states before each chunk, of `shape_of_states`; none unless `keep_states`.
    """
    inputs = checked(x, projected, dt_weight, dt_bias, A, D)
    batch, height, width, channels = x.shape
    states = A.new_empty(shape_of_states(x.shape, A.shape[1]) if keep_states else (0,))
    y = torch.empty_like(inputs[0])
    if y.numel() == 0:
        return y, states.zero_()
    kernel = _kernels("forward")
    shares = A.new_empty((DIRECTIONS, *x.shape))
    sizes, num_warps = block_sizes(channels, dt_weight.shape[2], A.shape[1])
    grid = (blocks(channels, sizes["CHANNELS"]), DIRECTIONS, batch)
    with torch.cuda.device_of(x):
        kernel.scan_direction[grid](
            *inputs, shares, states, height, width, channels, **sizes, KEEP_STATES=keep_states, num_warps=num_warps
        )
        _add_directions(shares, y)
    return y, states


def scan_backward(grad_y: Tensor, states: Tensor, *inputs: Tensor) -> Gradients:
    """``selective_scan_2d_backward`` on CUDA tensors; `inputs` are those of the forward pass.

    Where no states were kept they are computed again.
    """
    x, projected, dt_weight, dt_bias, A, D = plain = checked(*inputs)
    batch, height, width, channels = x.shape
    check_shape(grad_y, "grad_y", tuple(x.shape), "the shape of x")
    if x.numel() == 0:
        none_x, none_projected, none_weight, none_bias, none_A, none_D = (torch.zeros_like(tensor) for tensor in plain)
        return none_x, none_projected, none_weight, none_bias, none_A, none_D
    kept = states if states.numel() > 0 else scan(x, projected, dt_weight, dt_bias, A, D, True)[1]
    check_shape(kept, "states", shape_of_states(x.shape, A.shape[1]), "(batch, 4, chunks, channels, d_state)")
    kernel = _kernels("backward")
    sizes, num_warps = block_sizes(channels, dt_weight.shape[2], A.shape[1])
    grid = (blocks(channels, sizes["CHANNELS"]), DIRECTIONS, batch)
    of_x = A.new_empty((DIRECTIONS, *x.shape))
    of_projected = A.new_empty((grid[0], *projected.shape))
    of_parameters = [A.new_empty((batch, *tensor.shape)) for tensor in (dt_weight, dt_bias, A, D)]
    dx = torch.empty_like(x)
    with torch.cuda.device_of(x):
        kernel.scan_direction_backwards[grid](
            grad_y.contiguous(),
            kept.contiguous(),
            *plain,
            of_x,
            of_projected,
            *of_parameters,
            height,
            width,
            channels,
            **sizes,
            num_warps=num_warps,
        )
        _add_directions(of_x, dx)
    dweight, dbias, dA, dD = (shares.sum(0) for shares in of_parameters)
    return dx, of_projected.sum(0).to(projected.dtype), dweight, dbias, dA, dD


def shape_of_states(x_shape: torch.Size, d_state: int) -> tuple[int, ...]:
    """(batch, 4, chunks, channels, d_state) of the states that are kept for the backward pass."""
    batch, height, width, channels = x_shape
    chunks = (height * width + STEPS_IN_CHUNK - 1) // STEPS_IN_CHUNK
    return batch, DIRECTIONS, chunks, channels, d_state


def block_sizes(channels: int, dt_rank: int, d_state: int) -> tuple[dict[str, int], int]:
    """The kernels' constants for a shape, and how many warps share a program: a thread for each channel and state.

    A program takes 128 channels and states, and at least four channels, so that it reads whole 16 bytes of a pixel;
    fewer where the low rank is so high that dt_weight would not fit into registers.
    """
    states, ranks = _power_of_two(d_state), _power_of_two(dt_rank)
    together = min(max(4, 128 // states), max(1, 512 // ranks), _power_of_two(channels))
    sizes = {"STEPS": STEPS_IN_CHUNK, "CHANNELS": together, "STATES": states, "RANKS": ranks}
    return {"dt_rank": dt_rank, "d_state": d_state, **sizes}, max(1, together * states // 32)


def blocks(channels: int, together: int) -> int:
    return (channels + together - 1) // together


def _power_of_two(at_least: int) -> int:
    return 1 << max(at_least - 1, 0).bit_length()


def _kernels(name: str) -> ModuleType:
    try:
        return import_module(f"mamba_hunet.selective_scan.triton_2d.{name}")
    except ImportError as exc:
        raise RuntimeError(
            "selective_scan_2d: on CUDA it runs Triton-language kernels, and the package triton is not installed. "
            "Install it (pip install 'mamba-hunet[cuda]'), or move the tensors to the CPU."
        ) from exc


def _add_directions(shares: Tensor, total: Tensor) -> None:
    block = 1024
    grid = ((total.numel() + block - 1) // block,)
    _kernels("forward").add_directions[grid](shares, total, total.numel(), BLOCK=block)
