"""The selective scan over an image in plain PyTorch: four sequences are laid out, scanned, and added up again."""

from collections.abc import Callable

import torch
from torch import Tensor

from mamba_hunet.selective_scan.reference import selective_scan_ref

DIRECTIONS = 4


def unfold_directions(image: Tensor) -> Tensor:
    """Reads an image as four sequences: along rows, along columns, and both backwards.

    Args:
        image: (batch, channels, height, width).

    Returns:
        (batch, 4, channels, height * width).
    """
    along_rows = image.flatten(2)
    along_columns = image.transpose(2, 3).flatten(2)
    forwards = torch.stack((along_rows, along_columns), dim=1)
    return torch.cat((forwards, forwards.flip(-1)), dim=1)


def merge_directions(sequences: Tensor, height: int, width: int) -> Tensor:
    """Adds four sequences up again where they lie in the image; the adjoint of `unfold_directions`.

    Args:
        sequences: (batch, 4, channels, height * width).

    Returns:
        (batch, channels, height, width).
    """
    both = sequences[:, :2] + sequences[:, 2:].flip(-1)
    along_rows = both[:, 0].unflatten(-1, (height, width))
    along_columns = both[:, 1].unflatten(-1, (width, height))
    return along_rows + along_columns.transpose(2, 3)


def selective_scan_2d_ref(
    x: Tensor,
    projected: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A: Tensor,
    D: Tensor,
    *,
    scan: Callable[..., Tensor] = selective_scan_ref,
) -> Tensor:
    """Selective scan over an image, readable and slow; arguments, result and dtypes as in `selective_scan_2d`.

    Args:
        scan: what scans the sequences: `selective_scan_ref` or `selective_scan`.
    """
    height, width, channels = x.shape[1:]
    dt_rank, d_state = dt_weight.shape[2], A.shape[1]
    compute_dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    image = x.to(compute_dtype).permute(0, 3, 1, 2)
    projections = projected.to(compute_dtype).permute(3, 0, 4, 1, 2)  # one image for each direction to read
    sequences = [unfold_directions(projection)[:, k] for k, projection in enumerate(projections)]
    step, B, C = torch.stack(sequences, dim=1).split((dt_rank, d_state, d_state), dim=2)
    delta = torch.matmul(dt_weight, step)
    u = unfold_directions(image)
    y = scan(u.flatten(1, 2), delta.flatten(1, 2), A, B, C, D, dt_bias.flatten(), True)
    return merge_directions(y.unflatten(1, (DIRECTIONS, channels)), height, width).permute(0, 2, 3, 1).to(x.dtype)
