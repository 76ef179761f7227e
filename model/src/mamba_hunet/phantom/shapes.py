"""Signed distances, in mm, to the simple solids that the anatomy is put together from.

Negative inside, positive outside, close to true distances near the surface. Points are three arrays x, y, z
of one shape, in mm; every function returns an array of that shape, float32.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Point = tuple[float, float, float]


def ellipsoid(x: Array, y: Array, z: Array, centre: Point, radii: Point, *, pitch: float = 0.0) -> Array:
    """``pitch``: rotation in the sagittal plane, radians; positive lifts the posterior end."""
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    if pitch:
        cos, sin = np.float32(np.cos(pitch)), np.float32(np.sin(pitch))
        dy, dz = cos * dy - sin * dz, sin * dy + cos * dz
    rx, ry, rz = radii
    qx, qy, qz = dx / rx, dy / ry, dz / rz
    radius = np.sqrt(qx * qx + qy * qy + qz * qz)
    slope = np.sqrt((qx / rx) ** 2 + (qy / ry) ** 2 + (qz / rz) ** 2)
    return radius * (radius - 1.0) / np.maximum(slope, 1e-6)


def tube(x: Array, y: Array, z: Array, path: Sequence[Point], radii: Sequence[float]) -> Array:
    """A chain of cones with round ends along ``path``, of radius ``radii`` at its points."""
    distance: Array | None = None
    for (start, stop), (r0, r1) in zip(pairwise(path), pairwise(radii), strict=True):
        along = [b - a for a, b in zip(start, stop, strict=True)]
        dx, dy, dz = x - start[0], y - start[1], z - start[2]
        t = (dx * along[0] + dy * along[1] + dz * along[2]) / sum(a * a for a in along)
        t = np.clip(t, 0.0, 1.0)
        ex, ey, ez = dx - t * along[0], dy - t * along[1], dz - t * along[2]
        cone = np.sqrt(ex * ex + ey * ey + ez * ez) - (r0 + (r1 - r0) * t)
        distance = cone if distance is None else smooth_union(distance, cone, 2.0)
    if distance is None:
        raise ValueError("a tube needs at least two points")
    return distance


def smooth_union(a: Array, b: Array, rounding_mm: float) -> Array:
    """The solid of both, with the crease between them filled over about ``rounding_mm``."""
    blend = np.maximum(rounding_mm - np.abs(a - b), 0.0)
    return np.minimum(a, b) - blend * blend * np.float32(0.25 / rounding_mm)


def smooth_intersection(a: Array, b: Array, rounding_mm: float) -> Array:
    """What both solids share, with a rounded edge."""
    return -smooth_union(-a, -b, rounding_mm)


def inside(distance: Array, edge_mm: float) -> Array:
    """Share of each point's surroundings that is inside: 1 deep in, 0 outside, a ramp ``edge_mm`` wide."""
    return np.clip(0.5 - distance * np.float32(1.0 / edge_mm), 0.0, 1.0)
