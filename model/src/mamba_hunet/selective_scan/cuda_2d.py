"""What the operator over images runs on CUDA: the plain composition around one scan of sequences.

The gradients are those of the composition, run again; no states are kept.
"""

import torch
from torch import Tensor

from mamba_hunet.selective_scan.operator import selective_scan
from mamba_hunet.selective_scan.reference_2d import selective_scan_2d_ref

Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def scan(
    x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor, keep_states: bool
) -> tuple[Tensor, Tensor]:
    """``selective_scan_2d`` on CUDA tensors; the arguments of the operator."""
    y = selective_scan_2d_ref(x, projected, dt_weight, dt_bias, A, D, scan=selective_scan)
    return y.contiguous(), A.new_empty(0)


def scan_backward(grad_y: Tensor, states: Tensor, *inputs: Tensor) -> Gradients:
    """``selective_scan_2d_backward`` on CUDA tensors; `inputs` are those of the forward pass."""
    with torch.enable_grad():
        x, projected, dt_weight, dt_bias, A, D = leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        y = selective_scan_2d_ref(x, projected, dt_weight, dt_bias, A, D, scan=selective_scan)
    dx, dprojected, dweight, dbias, dA, dD = torch.autograd.grad(y, leaves, grad_y)
    return dx, dprojected, dweight, dbias, dA, dD
