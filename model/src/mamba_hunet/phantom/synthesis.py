"""Settings in, a scan with known lesions out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mamba_hunet.phantom.image import Renderer
from mamba_hunet.phantom.lesions import PlacedLesion
from mamba_hunet.phantom.settings import PhantomSettings


@dataclass(frozen=True, eq=False)
class Phantom:
    """A FLAIR-like scan and its truth on one grid.

    ``flair``: (i, j, k) int16, as a scanner stores it. ``lesions``: (i, j, k) uint8, 1 where at least half of
    a voxel is lesion. ``affine``: (4, 4), voxel indices to world mm (RAS+). ``placed``: the lesions as they
    were drawn, also those too small or too thin to fill half a voxel anywhere.
    """

    flair: NDArray[np.int16]
    lesions: NDArray[np.uint8]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    placed: tuple[PlacedLesion, ...]
    settings: PhantomSettings

    @property
    def lesion_ml(self) -> float:
        return int(np.count_nonzero(self.lesions)) * float(np.prod(self.spacing_mm)) / 1000.0


def brain_of(settings: PhantomSettings) -> NDArray[np.float32]:
    """Where the phantom of these settings shows brain and the fluid just around it: (i, j, k), 0 or 1."""
    renderer = Renderer(settings)
    return np.stack([renderer.brain(k) for k in range(renderer.grid.shape[2])], axis=2)


def make_phantom(settings: PhantomSettings, *, slices: range | None = None) -> Phantom:
    """Synthesise a whole scan, or only a run of its slices (a slab, on the grid of just those slices).

    Slices cost about the same each and do not depend on which others are made. Raises ValueError when
    ``slices`` has a step other than one or leaves the scan.
    """
    renderer = Renderer(settings)
    rows, columns, count = renderer.grid.shape
    wanted = range(count) if slices is None else slices
    if wanted.step != 1 or not wanted or wanted[0] < 0 or wanted[-1] >= count:
        raise ValueError(f"slices must be a run within 0..{count - 1}, not {slices}")
    flair = np.empty((rows, columns, len(wanted)), np.int16)
    lesions = np.empty((rows, columns, len(wanted)), np.uint8)
    for n, k in enumerate(wanted):
        signal, lesions[:, :, n] = renderer.slice(k)
        flair[:, :, n] = np.clip(np.rint(signal), 0, np.iinfo(np.int16).max)
    affine = renderer.grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] * wanted[0]
    return Phantom(flair, lesions, affine, settings.scan.spacing_mm, renderer.lesions, settings)
