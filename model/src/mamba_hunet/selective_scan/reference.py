"""The selective scan in plain PyTorch, one step after another: the tests hold the operator against it."""

import torch
import torch.nn.functional as F
from torch import Tensor


def selective_scan_ref(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Selective scan, readable and slow; arguments, result and dtypes as in `selective_scan`."""
    dtype = u.dtype
    compute_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    u, delta, B, C = (tensor.to(compute_dtype) for tensor in (u, delta, B, C))
    channels_per_group = u.shape[1] // B.shape[1]
    B = B.repeat_interleave(channels_per_group, dim=1)  # (batch, dim, d_state, length)
    C = C.repeat_interleave(channels_per_group, dim=1)

    if delta_bias is not None:
        delta = delta + delta_bias[:, None]
    if delta_softplus:
        delta = F.softplus(delta)

    x = u.new_zeros(*u.shape[:2], A.shape[1])  # (batch, dim, d_state)
    y = []
    for t in range(u.shape[2]):
        decay = torch.exp(delta[:, :, t, None] * A)
        x = decay * x + (delta[:, :, t] * u[:, :, t])[:, :, None] * B[:, :, :, t]
        y.append((x * C[:, :, :, t]).sum(dim=2))
    result = torch.stack(y, dim=2) if y else torch.zeros_like(u)
    if D is not None:
        result = result + u * D[:, None]
    return result.to(dtype)
