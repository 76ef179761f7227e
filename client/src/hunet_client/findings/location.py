"""Where each lesion lies, as a probability over four regions.

Three distances are measured in the scan (see `anatomy`): from the lesion's nearest voxel to the ventricles and to the
brain's surface, and how deep its voxels lie in the hindbrain on average. Each is taken as the true distance plus a
normal error of the method, whose spread was measured on phantoms, and asked in turn, as a reader would:

    infratentorial      in the brain stem or cerebellum
    periventricular     else, touching the lateral ventricles
    juxtacortical       else, touching the cortex
    deep_white_matter   else

The regions are those of the McDonald criteria (Thompson et al., Lancet Neurol 2018) as the MAGNIMS guidelines define
them (Filippi et al., Brain 2019); deep white matter is the rest, and no region of the criteria.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from hunet_client.findings.anatomy import Anatomy
from hunet_client.findings.document import Location, LocationProbabilities

# A lesion touches what is nearer than this. Both hold the half voxels that distances between voxel centres leave and
# the rim that a mask leaves; the second the thickness of the cortex too, since only the fluid beyond it can be seen.
TOUCHES_VENTRICLE_MM = 3.6
TOUCHES_CORTEX_MM = 4.2
# Spread of the method's error, and what each millimetre of a voxel's longest edge adds to it, fitted to 811 lesions of
# 46 phantoms. Phantoms have the average head's own hindbrain (spread 1.3 mm); a patient's differs more.
VENTRICLE_ERROR_MM, VENTRICLE_ERROR_PER_EDGE = 0.8, 0.2
SURFACE_ERROR_MM, SURFACE_ERROR_PER_EDGE = 1.6, 0.5
HINDBRAIN_ERROR_MM = 3.0
# A lesion whose most probable region is less probable than this is called undetermined.
LEAST_PROBABILITY = 0.6


@dataclass(frozen=True)
class Place:
    """What was measured of one lesion, in mm; None where it could not be."""

    ventricle_mm: float | None
    surface_mm: float | None
    hindbrain_depth_mm: float
    probabilities: LocationProbabilities | None

    @property
    def location(self) -> Location:
        if self.probabilities is None:
            return "undetermined"
        location, probability = self.probabilities.most_probable()
        return location if probability >= LEAST_PROBABILITY else "undetermined"


def locate(points_mm: NDArray, anatomy: Anatomy, longest_edge_mm: float) -> Place:
    """Where the lesion with these voxel centres, (n, 3) in RAS+ mm, lies. longest_edge_mm: of the scan's voxels."""
    ventricle_mm = _nearest(points_mm, anatomy, anatomy.ventricle_mm)
    surface_mm = _nearest(points_mm, anatomy, anatomy.surface_mm)
    depth_mm = -float(anatomy.at(points_mm, anatomy.hindbrain_mm).mean())
    return Place(
        ventricle_mm, surface_mm, depth_mm, _probabilities(ventricle_mm, surface_mm, depth_mm, longest_edge_mm)
    )


def _nearest(points_mm: NDArray, anatomy: Anatomy, distance_mm: NDArray[np.float32] | None) -> float | None:
    return None if distance_mm is None else float(anatomy.at(points_mm, distance_mm).min())


def _probabilities(
    ventricle_mm: float | None, surface_mm: float | None, hindbrain_depth_mm: float, longest_edge_mm: float
) -> LocationProbabilities | None:
    """None where a lesion above the hindbrain cannot be told because ventricles or surface were not seen."""
    infratentorial = _below(0.0, -hindbrain_depth_mm, HINDBRAIN_ERROR_MM)
    if ventricle_mm is None or surface_mm is None:
        if infratentorial < LEAST_PROBABILITY:
            return None
        # Which of the other three it is else, is not known: they share what is left.
        rest = (1.0 - infratentorial) / 3.0
        return LocationProbabilities.rounded(infratentorial, rest, rest)
    ventricle_error_mm = hypot(VENTRICLE_ERROR_MM, VENTRICLE_ERROR_PER_EDGE * longest_edge_mm)
    surface_error_mm = hypot(SURFACE_ERROR_MM, SURFACE_ERROR_PER_EDGE * longest_edge_mm)
    touches_ventricle = _below(TOUCHES_VENTRICLE_MM, ventricle_mm, ventricle_error_mm)
    touches_cortex = _below(TOUCHES_CORTEX_MM, surface_mm, surface_error_mm)
    periventricular = (1.0 - infratentorial) * touches_ventricle
    juxtacortical = (1.0 - infratentorial) * (1.0 - touches_ventricle) * touches_cortex
    return LocationProbabilities.rounded(infratentorial, periventricular, juxtacortical)


def _below(limit_mm: float, measured_mm: float, error_mm: float) -> float:
    """Probability that the true distance is below the limit, when the measured one has a normal error."""
    return 0.5 * (1.0 + erf((limit_mm - measured_mm) / (error_mm * sqrt(2.0))))
