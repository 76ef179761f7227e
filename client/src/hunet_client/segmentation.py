"""What the client gives back for one scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hunet_protocol.v1 import preprocess_pb2 as pb
from numpy.typing import NDArray

from hunet_client.lesions import LesionSet
from hunet_client.planes import Reading
from hunet_client.transport import Model


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The lesions of one scan, on the scan's own grid. Research use only.

    probability: (i, j, k) float32 in [0, 1]. `manifest` says how the scan was preprocessed and carries its
    geometry, digest and quality flags. `planes` are those it was read in; the probability is their mean. `model`
    is the model that answered.
    """

    file_name: str
    probability: NDArray[np.float32]
    lesions: LesionSet
    manifest: pb.Manifest
    planes: tuple[Reading, ...]
    model: Model
    elapsed_s: float

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(i, j, k) uint8: 1 in lesions, 0 elsewhere."""
        return self.lesions.mask

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4), voxel indices to world millimetres (RAS+)."""
        return grid_of(self.manifest)[0]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel along i, j, k."""
        return grid_of(self.manifest)[1]


def grid_of(manifest: pb.Manifest) -> tuple[NDArray[np.float64], tuple[float, float, float]]:
    """The scan's affine, (4, 4), and its spacing along i, j, k in millimetres."""
    i_mm, j_mm, k_mm = manifest.spacing_mm
    return np.array(manifest.affine, dtype=np.float64).reshape(4, 4), (i_mm, j_mm, k_mm)
