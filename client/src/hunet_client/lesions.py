"""From a lesion probability volume to a mask and a table of lesions.

The one postprocessing of the system: whoever has a probability volume on the scan's own grid, from the served
model or from a model in the same process, turns it into lesions here, so that both give the same mask.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

import cc3d
import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_THRESHOLD = 0.5
DEFAULT_MIN_LESION_ML = 0.01

# The least volume that fills a lesion's confidence: a cube of 3 mm, about the smallest focus that counts as a lesion
# (Filippi et al., "Assessment of lesions on magnetic resonance imaging in multiple sclerosis", Brain 2019).
CONFIDENCE_ML: Final = 0.027

# Voxels that touch by a face, an edge or a corner belong to one lesion.
CONNECTIVITY: Final = 26


@dataclass(frozen=True, slots=True)
class Lesion:
    """One connected group of lesion voxels.

    ``index`` is 1 for the largest lesion. ``centroid_mm`` is in world coordinates (RAS+, the affine's space),
    the mean of the voxel centres. ``box_start`` and ``box_stop`` bound the voxels: ``box_start <= (i, j, k) <
    box_stop``. ``max_probability`` and ``mean_probability`` are taken over the lesion's voxels.

    ``confidence``: mean probability of the 27 mm3 of the lesion that are most probable; what a smaller lesion
    lacks of them counts as 0. Raising any probability never lowers the confidence of the lesion it belongs to,
    and no other lesion has a say in it.
    """

    index: int
    voxels: int
    volume_ml: float
    centroid_mm: tuple[float, float, float]
    max_probability: float
    mean_probability: float
    confidence: float
    box_start: tuple[int, int, int]
    box_stop: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class LesionSet:
    """The lesions of one scan.

    ``labels``: (i, j, k) uint32, 0 outside lesions, elsewhere the ``index`` of the lesion a voxel belongs to.
    ``lesions``: largest first; lesions of equal size in the order of their first voxel.
    """

    labels: NDArray[np.uint32]
    lesions: tuple[Lesion, ...]
    threshold: float
    min_lesion_ml: float

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(i, j, k) uint8, 1 in lesions and 0 elsewhere."""
        return (self.labels > 0).astype(np.uint8)

    @property
    def total_volume_ml(self) -> float:
        return sum(lesion.volume_ml for lesion in self.lesions)


def find_lesions(
    probability: NDArray[np.float32],
    affine: ArrayLike,
    spacing_mm: tuple[float, float, float],
    *,
    threshold: float = DEFAULT_THRESHOLD,
    min_lesion_ml: float = DEFAULT_MIN_LESION_ML,
) -> LesionSet:
    """Threshold a probability volume, drop specks and describe each lesion that is left.

    A voxel is lesion where its probability is at or above ``threshold``. Lesions are 26-connected; those
    smaller than ``min_lesion_ml`` are dropped (0 keeps every voxel).

    probability: (i, j, k) float32 in [0, 1]; affine: (4, 4), voxel indices to world millimetres (RAS+);
    spacing_mm: edge lengths of a voxel along i, j, k.

    Raises ValueError for a volume that is not 3-D or holds values that are not probabilities, for an affine
    or spacing that cannot place voxels, and for a threshold or smallest volume outside its range.
    """
    affine = np.asarray(affine, dtype=np.float64)
    _check(probability, affine, spacing_mm, threshold, min_lesion_ml)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    # The tolerance keeps a lesion of exactly the smallest volume when the spacing is not a round number.
    min_voxels = max(1, ceil(min_lesion_ml / voxel_ml - 1e-6))

    # Row-major, so that the order of equal lesions does not depend on the memory layout.
    marked = np.ascontiguousarray(probability >= threshold)
    components = cc3d.connected_components(marked, connectivity=CONNECTIVITY, out_dtype=np.uint32)
    voxels = np.argwhere(components)
    component_of_voxel = components[tuple(voxels.T)]
    old_to_index = _rank_by_size(component_of_voxel, min_voxels)
    index_of_voxel = old_to_index[component_of_voxel]
    labels = old_to_index[components]

    kept = index_of_voxel > 0
    lesions = _describe(
        voxels[kept],
        index_of_voxel[kept],
        probability[tuple(voxels[kept].T)].astype(np.float64),
        affine,
        voxel_ml,
    )
    return LesionSet(labels=labels, lesions=lesions, threshold=threshold, min_lesion_ml=min_lesion_ml)


def _rank_by_size(component_of_voxel: NDArray[np.unsignedinteger], min_voxels: int) -> NDArray[np.uint32]:
    """Lookup table from component number to lesion index: 1 for the largest, 0 for background and specks."""
    sizes = np.bincount(component_of_voxel, minlength=1)
    sizes[0] = 0
    by_size = np.argsort(-sizes, kind="stable")
    kept = by_size[sizes[by_size] >= min_voxels]
    old_to_index = np.zeros(len(sizes), dtype=np.uint32)
    old_to_index[kept] = np.arange(1, len(kept) + 1)
    return old_to_index


def _describe(
    voxels: NDArray[np.int64],
    index: NDArray[np.uint32],
    probability: NDArray[np.float64],
    affine: NDArray[np.float64],
    voxel_ml: float,
) -> tuple[Lesion, ...]:
    """voxels: (n, 3) indices of the lesion voxels; index, probability: (n,) of the same voxels."""
    if len(voxels) == 0:
        return ()
    # Lesion by lesion, the most probable voxels first.
    order = np.lexsort((-probability, index))
    first_of_lesion = np.flatnonzero(np.diff(index[order], prepend=0))
    sizes = np.diff(first_of_lesion, append=len(order))
    voxels, probability = voxels[order], probability[order]

    start = np.minimum.reduceat(voxels, first_of_lesion)
    stop = np.maximum.reduceat(voxels, first_of_lesion) + 1
    centroid = np.add.reduceat(voxels, first_of_lesion) / sizes[:, None]
    centroid_mm = centroid @ affine[:3, :3].T + affine[:3, 3]
    max_probability = np.maximum.reduceat(probability, first_of_lesion)
    mean_probability = np.add.reduceat(probability, first_of_lesion) / sizes
    rank = np.arange(len(order)) - np.repeat(first_of_lesion, sizes)
    core_voxels = CONFIDENCE_ML / voxel_ml
    # The last voxel of the 27 mm3 counts by its part in them.
    in_core = np.clip(core_voxels - rank, 0.0, 1.0)
    confidence = np.add.reduceat(in_core * probability, first_of_lesion) / core_voxels
    return tuple(
        Lesion(
            index=n + 1,
            voxels=int(size),
            volume_ml=float(size * voxel_ml),
            centroid_mm=_triple(centroid_mm[n]),
            max_probability=float(max_probability[n]),
            mean_probability=float(mean_probability[n]),
            confidence=float(min(confidence[n], 1.0)),
            box_start=_triple(start[n]),
            box_stop=_triple(stop[n]),
        )
        for n, size in enumerate(sizes)
    )


def _triple(values: NDArray) -> tuple:
    x, y, z = values.tolist()
    return x, y, z


def _check(
    probability: NDArray[np.float32],
    affine: NDArray[np.float64],
    spacing_mm: tuple[float, float, float],
    threshold: float,
    min_lesion_ml: float,
) -> None:
    if probability.ndim != 3:
        raise ValueError(f"probability must be a volume (i, j, k), not of shape {probability.shape}")
    # NaN fails the comparison, so this also refuses volumes that are not finite.
    if probability.size and not (probability.min() >= 0.0 and probability.max() <= 1.0):
        raise ValueError("probability holds values outside [0, 1]")
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise ValueError("affine must be a finite (4, 4) matrix")
    if len(spacing_mm) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing_mm):
        raise ValueError(f"spacing_mm must be three positive lengths, not {spacing_mm}")
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold must lie in (0, 1], not {threshold}")
    if not (np.isfinite(min_lesion_ml) and min_lesion_ml >= 0.0):
        raise ValueError(f"min_lesion_ml must be 0 or more, not {min_lesion_ml}")
