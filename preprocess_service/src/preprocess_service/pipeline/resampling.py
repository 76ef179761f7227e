"""Linear resampling along one axis, as a sparse matrix.

A network pixel r lies at native coordinate `origin + r * step`, in pixels of the native axis. Each row holds
few weights, so a sparse product takes a fraction of a dense one's work, starts no threads and rounds alike on
every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse


def to_network_matrix(native_size: int, network_size: int, step: float, origin: float) -> sparse.csr_array:
    """(network_size, native_size) float32: a triangle about each network pixel, widened when shrinking.

    Rows sum to 1, or are 0 where the network pixel's centre lies outside the native image.
    """
    centres = origin + step * np.arange(network_size)
    width = max(1.0, step)
    distance = np.abs(centres[:, None] - np.arange(native_size)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / width)
    # At the border the nearest pixel's weight can be 0 though the centre lies within that pixel.
    inside = (centres >= -0.5) & (centres <= native_size - 0.5)
    empty = inside & (weights.sum(axis=1) == 0)
    weights[empty, distance[empty].argmin(axis=1)] = 1.0
    total = weights.sum(axis=1, keepdims=True)
    matrix = np.where(inside[:, None], weights / np.where(total == 0, 1.0, total), 0.0)
    return sparse.csr_array(matrix.astype(np.float32))


def to_native_matrix(native_size: int, network_size: int, step: float, origin: float) -> sparse.csr_array:
    """(native_size, network_size) float32: linear between network pixels; rows are 0 off the canvas."""
    positions = (np.arange(native_size) - origin) / step
    inside = (positions >= -0.5) & (positions <= network_size - 0.5)
    clamped = np.clip(positions, 0, network_size - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(clamped[:, None] - np.arange(network_size)[None, :]))
    return sparse.csr_array((weights * inside[:, None]).astype(np.float32))


def resample(
    images: npt.NDArray[np.float32], rows: sparse.csr_array, columns: sparse.csr_array
) -> npt.NDArray[np.float32]:
    """Applies one matrix along the rows and one along the columns of every image of (..., rows, columns)."""
    leading = images.shape[:-2]
    flat = images.reshape(-1, *images.shape[-2:])
    result = np.empty((len(flat), rows.shape[0], columns.shape[0]), dtype=np.float32)
    for source, target in zip(flat, result, strict=True):
        target[:] = (columns @ (rows @ source).T).T
    return result.reshape(*leading, *result.shape[-2:])
