"""New lesions on real slices: contrast taken from another patient's lesion, or from a drawn blob, is added to tissue.

Few patients are labelled; lesions of one patient in the anatomy and contrast of another make new training slices.
The idea of mixing lesions across patients: Zhang et al., "CarveMix", NeuroImage 2023.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from mamba_hunet.data.augment import Image, smooth_field

_MARGIN = 4
_FLUID = -2.5  # z below which a pixel is fluid, bone or air
_LEAST_PIXELS = 4
_LEAST_CONTRAST = 0.5  # z above the tissue about it, below which nobody would see a lesion


@dataclass(frozen=True)
class LesionPatch:
    """One lesion cut out of a slice.

    Attributes:
        contrast: (h, w) float32, how far it is above the tissue around it, in z units; fades to 0 at the border.
        share: (h, w) float32, share of lesion in each pixel.
    """

    contrast: Image
    share: Image


def cut_lesions(image: Image, target: Image) -> list[LesionPatch]:
    """Every separate lesion of a slice as a patch, but those of under four pixels or hardly brighter than tissue."""
    labels, count = ndimage.label(target > 0.5)
    boxes = enumerate(ndimage.find_objects(labels, max_label=count), start=1)
    patches = (_cut(image, target, labels, index, box) for index, box in boxes)
    return [patch for patch in patches if patch is not None]


def _cut(
    image: Image, target: Image, labels: NDArray[np.int32], index: int, box: tuple[slice, ...]
) -> LesionPatch | None:
    wide = tuple(slice(max(0, s.start - _MARGIN), s.stop + _MARGIN) for s in box)
    own = labels[wide] == index
    if np.count_nonzero(own) < _LEAST_PIXELS:
        return None
    # Beside a ventricle half of what surrounds a lesion is fluid.
    ring = ndimage.binary_dilation(own, iterations=3) & (target[wide] < 0.1) & (image[wide] > _FLUID)
    tissue = float(np.median(image[wide][ring])) if ring.any() else np.inf
    if np.median(image[wide][own]) - tissue < _LEAST_CONTRAST:
        return None
    fade = np.clip(ndimage.gaussian_filter(ndimage.binary_dilation(own).astype(np.float32), 0.8), 0, 1)
    contrast = np.clip(image[wide] - tissue, 0, None) * fade
    return LesionPatch(contrast.astype(np.float32), (target[wide] * ndimage.binary_dilation(own)).astype(np.float32))


def draw_blob(rng: Generator) -> LesionPatch:
    """An irregular ellipse with soft edges: 3 to 16 pixels long, one in four up to 30, as confluent lesions are."""
    longest = 15.0 if rng.random() < 0.25 else 6.0
    radii = np.array([rng.uniform(1.2, longest), rng.uniform(1.2, 6.0)]) * rng.uniform(0.7, 1.2)
    half = int(np.ceil(radii.max())) + _MARGIN
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    along, across = rows * np.cos(angle) + columns * np.sin(angle), columns * np.cos(angle) - rows * np.sin(angle)
    distance = np.hypot(along / radii[0], across / radii[1]) + 0.15 * smooth_field(rng, rows.shape, 4)
    share = 1 / (1 + np.exp((distance - 1) * rng.uniform(4, 9)))
    soft = ndimage.gaussian_filter(share, rng.uniform(0.3, 0.9)).astype(np.float32)
    texture = 1 + 0.15 * smooth_field(rng, rows.shape, 4)
    return LesionPatch((soft * texture * rng.uniform(0.9, 4.0)).astype(np.float32), soft)


def paste_lesion(
    rng: Generator, image: Image, target: Image, brain: NDArray[np.bool_], patch: LesionPatch
) -> tuple[Image, Image]:
    """Adds a patch about a quiet pixel of brain, and only to tissue: where it meets fluid it ends, as real lesions do.

    Both results are new arrays; a slice with no such place comes back unchanged.
    """
    quiet = (np.abs(ndimage.uniform_filter(image, 7)) < 1.2) & (ndimage.minimum_filter(image, 3) > _FLUID)
    quiet &= brain & (ndimage.maximum_filter(image, 5) < 2.5)
    places = np.argwhere(quiet & (target < 0.1))
    if len(places) == 0:
        return image, target
    turns, mirror = int(rng.integers(4)), -1 if rng.random() < 0.5 else 1
    contrast, share = (np.rot90(part, turns)[:, ::mirror] for part in (patch.contrast, patch.share))
    return _add(image, target, brain, contrast, share, places[rng.integers(len(places))], rng.uniform(0.7, 1.3))


def _add(
    image: Image,
    target: Image,
    brain: NDArray[np.bool_],
    contrast: Image,
    share: Image,
    place: NDArray[np.intp],
    strength: float,
) -> tuple[Image, Image]:
    top_left = place - np.array(contrast.shape) // 2
    low = np.maximum(top_left, 0)
    high = np.minimum(top_left + contrast.shape, image.shape)
    there = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    here = tuple(slice(a - t, b - t) for a, b, t in zip(low, high, top_left, strict=True))
    tissue = ndimage.gaussian_filter(((image[there] > _FLUID) & brain[there]).astype(np.float32), 0.5) * brain[there]
    image, target = image.copy(), target.copy()
    image[there] += np.float32(strength) * contrast[here] * tissue
    target[there] = np.maximum(target[there], share[here] * tissue)
    return image, target
