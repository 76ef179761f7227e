"""What the operator runs on CUDA: ``mamba_ssm``'s kernel, imported when first called (the extra ``cuda``).

Written against the binding of mamba-ssm 2.3.2. It needs a GPU: the tests, which run without one, check
the arguments that the kernel gets, not its results.
"""

from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def _kernel() -> ModuleType:
    try:
        return import_module("selective_scan_cuda")
    except ImportError as exc:
        raise RuntimeError(
            "selective_scan: on CUDA it runs mamba_ssm's kernel, which is not installed. "
            "Install it (pip install 'mamba-hunet[cuda]'), or move the tensors to the CPU."
        ) from exc


def _float32(tensor: Tensor | None) -> Tensor | None:
    if tensor is None:
        return None
    if tensor.dtype == torch.float64:
        raise TypeError("selective_scan: on CUDA it computes in float32 only; a float64 tensor was given.")
    return tensor.float().contiguous()


def scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
) -> Tensor:
    """``selective_scan`` on CUDA tensors; the arguments of the operator."""
    kernel = _kernel()
    inputs = [_float32(tensor) for tensor in (u, delta, A, B, C, D)]
    y, *_ = kernel.fwd(*inputs, None, _float32(delta_bias), delta_softplus)
    return y.to(u.dtype)


def scan_backward(
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
    """``selective_scan_backward`` on CUDA tensors; runs the forward kernel again for its states."""
    kernel = _kernel()
    inputs = [_float32(tensor) for tensor in (u, delta, A, B, C, D)]
    bias = _float32(delta_bias)
    _, states, *_ = kernel.fwd(*inputs, None, bias, delta_softplus)
    du, ddelta, dA, dB, dC, dD, dbias, *_ = kernel.bwd(
        *inputs, None, bias, _float32(grad_y), states, None, None, delta_softplus, False
    )
    none = A.new_empty(0)
    return (
        du.to(u.dtype),
        ddelta.to(delta.dtype),
        dA,
        dB.to(B.dtype),
        dC.to(C.dtype),
        none if D is None else dD,
        none if delta_bias is None else dbias,
    )
