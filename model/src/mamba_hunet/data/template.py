"""A real head's anatomy to draw synthetic FLAIR scans on: the Colin 27 average of one healthy man.

Source: Holmes et al., "Enhancement of MR images using registration for signal averaging", J Comput Assist Tomogr 1998;
regions: Tzourio-Mazoyer et al., "Automated anatomical labeling", NeuroImage 2002. Debian's package ``mricron-data``
carries both, as ``ch2.nii.gz``, ``ch2bet.nii.gz`` (the brain alone) and ``aal.nii.gz``.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mamba_hunet.data.cases import DataError

Volume = NDArray[np.float32]

_HEAD, _BRAIN, _REGIONS = "ch2.nii.gz", "ch2bet.nii.gz", "aal.nii.gz"
# T1 intensity of pure fluid, grey and white matter in ch2.nii.gz.
FLUID_T1, GREY_T1, WHITE_T1 = 45.0, 87.0, 112.0
# Boxes, world mm: about the lateral ventricles, about the fourth, about the brain stem.
_VENTRICLE_MM = ((-38.0, -52.0, -6.0), (38.0, 36.0, 30.0))
_FOURTH_VENTRICLE_MM = ((-14.0, -58.0, -48.0), (14.0, -32.0, -14.0))
_BRAIN_STEM_MM = ((-18.0, -46.0, -71.0), (18.0, -12.0, -12.0))
# AAL numbers 116 regions, from 91 on the cerebellum's; the brain stem, which it leaves out, comes after them.
FIRST_INFRATENTORIAL, _BRAIN_STEM = 91, 117
REGION_COUNT = 118


@dataclass(frozen=True, eq=False)
class Template:
    """Volumes (i, j, k) on one 1 mm grid, RAS.

    Attributes:
        t1: T1-weighted intensity of the whole head.
        brain: 1 inside the brain and the fluid in it.
        region: AAL's region number, 0 outside; 71 to 78 are the deep nuclei, from `FIRST_INFRATENTORIAL` on the
            cerebellum and, last, the brain stem.
        ventricle_mm: distance to the lateral ventricles, 0 inside.
        fourth_ventricle_mm: distance to the fourth ventricle, 0 inside.
        affine: (4, 4), voxel indices to world mm.
    """

    t1: Volume
    brain: Volume
    region: NDArray[np.uint8]
    ventricle_mm: Volume
    fourth_ventricle_mm: Volume
    affine: NDArray[np.float64]


def has_template(folder: Path) -> bool:
    """Whether a folder holds the template's files."""
    return all((folder / name).is_file() for name in (_HEAD, _BRAIN, _REGIONS))


def read_template(folder: Path) -> Template:
    """Reads the template from the folder that holds its three files, ``/usr/share/mricron/templates`` on Debian.

    Raises:
        DataError: a file is missing.
    """
    image = _open(folder / _HEAD)
    t1 = _array(image)
    brain = ndimage.binary_closing(_array(_open(folder / _BRAIN)) > 0, iterations=4)
    region = _array(_open(folder / _REGIONS)).astype(np.uint8)
    affine = np.asarray(image.affine, dtype=np.float64)
    stem = _box(_BRAIN_STEM_MM, affine)
    region[stem] = np.where((region[stem] == 0) & brain[stem], _BRAIN_STEM, region[stem])
    ventricle_mm, fourth_ventricle_mm = (
        _distance_mm(_largest_fluid(t1, brain, _box(about, affine))) for about in (_VENTRICLE_MM, _FOURTH_VENTRICLE_MM)
    )
    return Template(t1, brain.astype(np.float32), region, ventricle_mm, fourth_ventricle_mm, affine)


def _open(path: Path) -> nibabel.Nifti1Image:
    if not path.is_file():
        raise DataError(str(path), "no such file", "Install Debian's mricron-data, or set templates = 0 in the plan")
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    return image


def _array(image: nibabel.Nifti1Image) -> Volume:
    return np.asarray(image.dataobj, dtype=np.float32).reshape(image.shape[:3])


def _box(corners_mm: tuple[tuple[float, ...], ...], affine: NDArray[np.float64]) -> tuple[slice, ...]:
    """Voxels between two corners of a RAS grid."""
    low, high = (np.maximum((np.linalg.inv(affine) @ (*corner, 1.0))[:3].astype(int), 0) for corner in corners_mm)
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True))


def _distance_mm(mask: NDArray[np.bool_]) -> Volume:
    """Distance to a mask on a grid of 1 mm; infinite where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return ndimage.distance_transform_edt(~mask).astype(np.float32)


def _largest_fluid(t1: Volume, brain: NDArray[np.bool_], box: tuple[slice, ...]) -> NDArray[np.bool_]:
    """The largest connected fluid of the brain within a box."""
    fluid = brain[box] & (t1[box] < (FLUID_T1 + GREY_T1) / 2)
    labels, _ = ndimage.label(ndimage.binary_opening(fluid))
    sizes = np.bincount(labels.ravel(), minlength=2)
    sizes[0] = 0
    largest = np.zeros(t1.shape, dtype=bool)
    largest[box] = (labels == sizes.argmax()) & (sizes.max() > 0)
    return largest
