"""``torch.ops.mamba_hunet.selective_scan_2d``: the compiled operator's shapes, gradient, and what runs on CUDA."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from mamba_hunet.selective_scan import cuda_2d
from mamba_hunet.selective_scan.cuda_2d import Gradients
from mamba_hunet.selective_scan.reference_2d import DIRECTIONS

STEPS_IN_TILE = 32  # kSteps and kStateLanes in csrc/: between two states that are kept, and channels side by side there
LANES = 16


def selective_scan_2d(x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor) -> Tensor:
    """Selective scan over an image in four directions, which are added up (Liu et al., "VMamba", 2024, section 4.2).

    Direction 0 reads the pixels along rows, 1 along columns, 2 and 3 are those backwards. In each, for every channel,
    with a state ``s`` of ``d_state`` numbers that starts at zero and ``t`` counting the pixels in that order::

        delta[t] = softplus(dt_weight step[t] + dt_bias)
        s[t] = exp(delta[t] A) s[t-1] + delta[t] B[t] x[t]
        y[t] = C[t] . s[t] + D x[t]

    Args:
        x: (batch, height, width, channels).
        projected: (batch, height, width, 4, dt_rank + 2 d_state): for each pixel and direction ``step`` (dt_rank),
            then ``B`` (d_state), then ``C`` (d_state).
        dt_weight: (4, channels, dt_rank), from the low-rank step to every channel's.
        dt_bias: (4, channels).
        A: (4 channels, d_state), the decay rates; negative for a state that fades. d_state is 1 to 64.
        D: (4 channels), the skip term.

    Returns:
        y: (batch, height, width, channels), of x's dtype.

    States and sums are float32. x and projected may be bfloat16 or float16, each for itself; the others are float32.
    If x is float64 all are, and so is the arithmetic (slow: it is there to check gradients).

    Raises:
        ValueError: a shape does not fit; the message names the argument.
        TypeError: a dtype does not fit; the message names the argument.
        RuntimeError: ``MAMBA_HUNET_ISA`` names an instruction set that this CPU lacks; or, on CUDA, ``triton`` is not
            installed.
    """
    tensors = (x, projected, dt_weight, dt_bias, A, D)
    keep_states = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    y, _ = torch.ops.mamba_hunet.selective_scan_2d(*tensors, keep_states)
    return y


@torch.library.register_fake("mamba_hunet::selective_scan_2d")
def _shapes_of_scan(
    x: Tensor,
    projected: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    keep_states: bool,
) -> tuple[Tensor, Tensor]:
    of_device = cuda_2d.shape_of_states if x.device.type == "cuda" else _shape_of_states
    states = A.new_empty(of_device(x.shape, A.shape[1]) if keep_states else (0,))
    return torch.empty_like(x, memory_format=torch.contiguous_format), states


def _shape_of_states(x_shape: torch.Size, d_state: int) -> tuple[int, ...]:
    batch, height, width, channels = x_shape
    tiles = (height * width + STEPS_IN_TILE - 1) // STEPS_IN_TILE
    blocks = (channels + LANES - 1) // LANES
    return batch, blocks, DIRECTIONS, tiles, d_state, LANES


@torch.library.register_fake("mamba_hunet::selective_scan_2d_backward")
def _shapes_of_gradients(
    grad_y: Tensor,
    states: Tensor,
    x: Tensor,
    projected: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
) -> Gradients:
    def like(tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, memory_format=torch.contiguous_format)

    return like(x), like(projected), like(dt_weight), like(dt_bias), like(A), like(D)


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, _ = inputs
    # The states are kept for this backward pass alone, and have none.
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1], *tensors)


def _backward(ctx: Any, grad_y: Tensor, grad_states: Tensor) -> tuple[Tensor | None, ...]:
    return (*torch.ops.mamba_hunet.selective_scan_2d_backward(grad_y, *ctx.saved_tensors), None)


torch.library.register_autograd("mamba_hunet::selective_scan_2d", _backward, setup_context=_keep_for_backward)


def _no_second_derivative(ctx: Any, *gradients: Tensor) -> None:
    raise NotImplementedError("selective_scan_2d: there is no second derivative of it.")


torch.library.register_autograd("mamba_hunet::selective_scan_2d_backward", _no_second_derivative)

torch.library.register_kernel("mamba_hunet::selective_scan_2d", "cuda", cuda_2d.scan)
torch.library.register_kernel("mamba_hunet::selective_scan_2d_backward", "cuda", cuda_2d.scan_backward)


@register_flop_formula(torch.ops.mamba_hunet.selective_scan_2d)
def _flops_of_the_step_sizes(
    x: torch.Size, projected: torch.Size, dt_weight: torch.Size, *others: Any, **keywords: Any
) -> int:
    """Those of the linear map from low-rank to every channel's step sizes; the recurrence's are not counted."""
    batch, height, width, _ = x
    return 2 * batch * height * width * dt_weight.numel()
