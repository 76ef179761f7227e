"""A marker that a network sees is found again where the DICOM files say that it is, on any grid.

The marker's place is given in the files' own coordinates (PS3.3 C.7.6.2.1.1); each pixel of the network's slices is
computed where `SliceGeometry` says that it lies. After Restore the centroid is computed from what the manifest gives:
the affine, and the source frames with the positions in their files. What is left is the uneven blur of linear
interpolation from the canvas, which for a Gaussian of 12 mm is far below a hundredth of a millimetre.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from preprocess_service.pipeline import prepare_scan, restore_volume
from scipy.spatial.transform import Rotation

MARKER_LPS = np.array([17.3, -11.9, 14.6])
SIGMA_MM = 12.0
TOLERANCE_MM = 0.01

AXIS_ORDERS = [
    np.eye(3)[:, list(order)] * signs
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
OBLIQUE = Rotation.random(100, rng=np.random.default_rng(5)).as_matrix()


def axis_vectors(dataset):
    """Column vectors in LPS from pixel to pixel along i and j, and the position of pixel (0, 0)."""
    cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
    row_mm, column_mm = map(float, dataset.PixelSpacing)
    return cosines[:3] * column_mm, cosines[3:] * row_mm, np.array(dataset.ImagePositionPatient, dtype=float)


def network_places(manifest, steps, first):
    """(slices, 256, 256, 3): where every network pixel lies, by the manifest's geometry and the files' own vectors."""
    geometry = manifest.geometry
    places = first + np.multiply.outer(np.arange(geometry.slice_count), steps[geometry.slice_axis])[:, None, None]
    rows = (geometry.row_axis, geometry.flip_rows, geometry.row_step, geometry.row_origin)
    columns = (geometry.column_axis, geometry.flip_columns, geometry.column_step, geometry.column_origin)
    for line, (axis, flip, step, origin) in enumerate((rows, columns)):
        native = origin + step * np.arange(256)
        index = manifest.shape[axis] - 1 - native if flip else native
        offsets = np.multiply.outer(index, steps[axis])
        places = places + (offsets[:, None] if line == 0 else offsets)
    return places


def marker_at(places):
    offsets = (places - MARKER_LPS).astype(np.float32)
    return np.exp(np.einsum("...a,...a", offsets, offsets) / np.float32(-2 * SIGMA_MM**2))


def centroid(weights, places):
    return np.tensordot(weights, places, axes=3) / weights.sum()


@pytest.fixture
def check(make_head, make_affine, make_series, read):
    """Distance in millimetres between the marker and where it is found."""

    def on_grid(axes, shape, spacing_mm, seed):
        affine = make_affine(shape, spacing_mm, axes)
        datasets = make_series(make_head(shape, affine), affine)
        by_uid = {dataset.SOPInstanceUID: dataset for dataset in datasets}
        shuffled = [datasets[index] for index in np.random.default_rng(seed).permutation(len(datasets))]
        prepared = prepare_scan(read(shuffled))
        manifest = prepared.manifest

        frames = [by_uid[frame.sop_instance_uid] for frame in manifest.dicom.frames]
        i_mm, j_mm, first = axis_vectors(frames[0])
        k_mm = (axis_vectors(frames[-1])[2] - first) / (len(frames) - 1)
        slices = marker_at(network_places(manifest, (i_mm, j_mm, k_mm), first))
        restored = restore_volume(manifest, [(0, slices)]).astype(np.float64)

        index = np.moveaxis(np.indices(manifest.shape), 0, -1)
        by_affine = (index @ prepared.scan.affine[:3, :3].T + prepared.scan.affine[:3, 3]) * [-1, -1, 1]
        by_frames = index[..., :2] @ np.array([i_mm, j_mm]) + np.array([axis_vectors(frame)[2] for frame in frames])
        return max(np.linalg.norm(centroid(restored, places) - MARKER_LPS) for places in (by_affine, by_frames))

    return on_grid


@pytest.mark.parametrize("number", range(48))
def test_every_axis_order_and_flip(number, check):
    spacing_mm = np.array([4.9, 5.6, 7.3])
    assert check(AXIS_ORDERS[number], (42, 37, 28), tuple(spacing_mm), number) < TOLERANCE_MM


@pytest.mark.parametrize("number", range(100))
def test_oblique_grids(number, check):
    rng = np.random.default_rng(number)
    spacing_mm = rng.uniform([4.0, 4.0, 5.0], [6.5, 6.5, 9.0])
    shape = tuple(int(size) for size in np.ceil(205 / spacing_mm))
    assert check(OBLIQUE[number], shape, tuple(spacing_mm), number) < TOLERANCE_MM


@pytest.mark.parametrize("number", range(3))
def test_oblique_grids_of_fine_pixels(number, check):
    """Pixels smaller than the network's and larger, which is where interpolation blurs."""
    assert check(OBLIQUE[number], (230, 160, 30), (0.87, 1.24, 6.5), number) < TOLERANCE_MM
