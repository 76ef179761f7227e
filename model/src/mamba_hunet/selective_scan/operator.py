"""``torch.ops.mamba_hunet.selective_scan``: loads the compiled operator and completes it for torch.

The CPU kernels are C++ (``csrc/``). Here are their shapes for tracing, their gradient, and what runs on CUDA.
"""

from typing import Any

import torch
from torch import Tensor

from mamba_hunet.selective_scan import cuda
from mamba_hunet.selective_scan.cuda import Gradients
from mamba_hunet.selective_scan.library import library_path

torch.ops.load_library(library_path())


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Selective scan (Gu and Dao, "Mamba", 2023, equation 2, as their code discretises it).

    For every channel, with a state ``x`` of ``d_state`` numbers that starts at zero::

        x[t] = exp(delta[t] A) x[t-1] + delta[t] B[t] u[t]
        y[t] = C[t] . x[t] + D u[t]

    Args:
        u: (batch, dim, length), the input.
        delta: (batch, dim, length), the step sizes.
        A: (dim, d_state), the decay rates; negative for a state that fades. d_state is 1 to 64.
        B: (batch, groups, d_state, length). Channel d reads group ``d // (dim // groups)``.
        C: (batch, groups, d_state, length).
        D: (dim), the skip term, or None.
        delta_bias: (dim), added to delta, or None.
        delta_softplus: whether delta passes through softplus, after the bias.

    Returns:
        y: (batch, dim, length), of u's dtype.

    States and sums are float32. u, delta, B and C may be bfloat16 or float16, each for itself: they are
    converted to float32 first. A, D and delta_bias are float32. If u is float64 all are, and so is the
    arithmetic (slow: it is there to check gradients).

    Raises:
        ValueError: a shape does not fit; the message names the argument.
        TypeError: a dtype does not fit; the message names the argument.
        RuntimeError: ``MAMBA_HUNET_ISA`` names an instruction set that this CPU lacks; or, on CUDA,
            ``mamba_ssm`` is not installed.
    """
    return torch.ops.mamba_hunet.selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus)


@torch.library.register_fake("mamba_hunet::selective_scan")
def _shape_of_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
) -> Tensor:
    return torch.empty_like(u, memory_format=torch.contiguous_format)


@torch.library.register_fake("mamba_hunet::selective_scan_backward")
def _shapes_of_gradients(
    grad_y: Tensor,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
) -> Gradients:
    def like(tensor: Tensor | None) -> Tensor:
        if tensor is None:
            return A.new_empty(0)
        return torch.empty_like(tensor, memory_format=torch.contiguous_format)

    return like(u), like(delta), like(A), like(B), like(C), like(D), like(delta_bias)


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.delta_softplus = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    gradients = torch.ops.mamba_hunet.selective_scan_backward(grad_y, *tensors, ctx.delta_softplus)
    wanted = [None if x is None else gradient for x, gradient in zip(tensors, gradients, strict=True)]
    return (*wanted, None)


torch.library.register_autograd("mamba_hunet::selective_scan", _backward, setup_context=_keep_for_backward)


def _no_second_derivative(ctx: Any, *gradients: Tensor) -> None:
    raise NotImplementedError("selective_scan: there is no second derivative of it.")


torch.library.register_autograd("mamba_hunet::selective_scan_backward", _no_second_derivative)

torch.library.register_kernel("mamba_hunet::selective_scan", "cuda", cuda.scan)
torch.library.register_kernel("mamba_hunet::selective_scan_backward", "cuda", cuda.scan_backward)
