"""Slices show anatomy in one orientation however the scan is stored, and predictions find their way back."""

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocess_service.pipeline import (
    InPlaneMode,
    PrepareOptions,
    SlicePlane,
    oriented,
    plan_slices,
    prepare_scan,
    restore_volume,
    scan_from_array,
    to_network,
)

# Column j of a matrix is the world direction of voxel axis j.
SIGNED_PERMUTATIONS = [
    np.eye(3)[:, list(order)] * np.array(signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
SPACING_MM = (2.0, 2.5, 4.5)  # along world R-L, A-P, I-S
SHAPE = (72, 70, 32)


def stored_as(axes, make_head, make_affine):
    """The same head on the same world grid, with its voxel axes permuted and flipped."""
    world_of_axis = np.abs(axes).argmax(axis=0)
    shape = tuple(SHAPE[world] for world in world_of_axis)
    spacing = tuple(SPACING_MM[world] for world in world_of_axis)
    affine = make_affine(shape, spacing, axes)
    return scan_from_array(make_head(shape, affine), affine, file_name="head.nii")


def slices_and_restored(scan):
    """Network slices, and their bright spots restored to the scan's grid."""
    prepared = prepare_scan(scan)
    slices = prepared.slices(0, prepared.manifest.geometry.slice_count)
    return slices, restore_volume(prepared.manifest, [(0, np.clip(slices - 4, 0, 1))]), prepared.manifest


@pytest.fixture(scope="module")
def reference(make_head, make_affine):
    slices, restored, _ = slices_and_restored(stored_as(np.eye(3), make_head, make_affine))
    return slices, restored


def axis_codes(axes):
    affine = np.eye(4)
    affine[:3, :3] = axes
    return "".join(nib.aff2axcodes(affine))


@pytest.mark.parametrize("axes", SIGNED_PERMUTATIONS, ids=axis_codes)
def test_all_48_storage_orders_give_the_same_slices_and_find_the_way_back(axes, reference, make_head, make_affine):
    scan = stored_as(axes, make_head, make_affine)
    slices, restored, manifest = slices_and_restored(scan)
    runs_down = axes[2, manifest.geometry.slice_axis] < 0
    np.testing.assert_allclose(slices[::-1] if runs_down else slices, reference[0], atol=2e-4)
    assert restored.shape == scan.data.shape
    in_ras = nib.apply_orientation(restored, nib.io_orientation(scan.affine))
    np.testing.assert_allclose(in_ras, reference[1], atol=2e-4)


def test_the_bright_spot_is_restored_where_the_lesion_is(reference, make_affine):
    weights = reference[1]
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    centre_mm = nib.affines.apply_affine(make_affine(SHAPE, SPACING_MM), _centroid(index, weights))
    np.testing.assert_allclose(centre_mm, [-26, 30, 18], atol=2)


def test_anatomy_is_where_the_docstring_says(make_head, make_affine):
    shape = (90, 100, 80)
    affine = make_affine(shape, (2.0, 2.0, 2.0))
    scan = scan_from_array(make_head(shape, affine), affine, file_name="head.nii")
    index = nib.affines.apply_affine(np.linalg.inv(affine), [-26, 30, 18]).round().astype(int)

    def lesion_pixel(plane):
        prepared = prepare_scan(scan, PrepareOptions(slice_plane=plane))
        number = int(index[prepared.manifest.geometry.slice_axis])
        image = prepared.slices(number, 1)[0]
        return np.array(np.unravel_index(image.argmax(), image.shape)) - 127.5

    # Anterior is up, patient left is right in the picture.
    row, column = lesion_pixel(SlicePlane.AXIAL)
    assert -40 < row < -20
    assert 20 < column < 32
    # Superior is up.
    row, column = lesion_pixel(SlicePlane.CORONAL)
    assert -24 < row < -12
    assert 20 < column < 32
    # Anterior is left in the picture.
    row, column = lesion_pixel(SlicePlane.SAGITTAL)
    assert -24 < row < -12
    assert -40 < column < -20


def rotations():
    angles = st.floats(-0.6, 0.6)
    return st.builds(nib.eulerangles.euler2mat, angles, angles, angles)


@settings(max_examples=100)
@given(
    rotation=rotations(),
    axes=st.sampled_from(SIGNED_PERMUTATIONS),
    shape=st.tuples(*[st.integers(8, 300)] * 3),
    spacing=st.tuples(*[st.floats(0.4, 6.0)] * 3),
    mode=st.sampled_from(InPlaneMode),
    plane=st.sampled_from(SlicePlane),
    network_pixel=st.tuples(st.floats(0, 255), st.floats(0, 255)),
)
def test_oblique_grids_keep_their_planes_and_coordinates(
    rotation, axes, shape, spacing, mode, plane, network_pixel, make_affine_outside
):
    """Network coordinates go to the world by the manifest's numbers alone, in steps of 1 mm."""
    affine = make_affine_outside(shape, spacing, rotation @ axes)
    geometry = plan_slices(shape, affine, plane=plane, in_plane_mode=mode)
    axis_order = (geometry.slice_axis, geometry.row_axis, geometry.column_axis)
    assert sorted(axis_order) == [0, 1, 2]
    assert (geometry.slice_count, geometry.native_rows, geometry.native_columns) == tuple(
        shape[axis] for axis in axis_order
    )

    def world(row, column):
        along_row = geometry.row_origin + row * geometry.row_step
        along_column = geometry.column_origin + column * geometry.column_step
        if geometry.flip_rows:
            along_row = geometry.native_rows - 1 - along_row
        if geometry.flip_columns:
            along_column = geometry.native_columns - 1 - along_column
        index = np.zeros(3)
        index[list(axis_order)] = 3, along_row, along_column
        return nib.affines.apply_affine(affine, index)

    here = world(*network_pixel)
    down = world(network_pixel[0] + 1, network_pixel[1]) - here
    right = world(network_pixel[0], network_pixel[1] + 1) - here
    if mode is InPlaneMode.RESAMPLE_1MM:
        np.testing.assert_allclose([np.linalg.norm(down), np.linalg.norm(right)], 1.0, atol=1e-6)
    assert abs(down @ right) < 1e-6
    # Down the rows and along the columns, the world coordinate that the axis is closest to falls.
    codes = nib.io_orientation(affine)[:, 0].astype(int)
    assert down[codes[geometry.row_axis]] < 0
    assert right[codes[geometry.column_axis]] < 0


@settings(max_examples=30)
@given(
    rotation=rotations(),
    axes=st.sampled_from(SIGNED_PERMUTATIONS),
    spacing=st.tuples(st.floats(0.6, 1.6), st.floats(0.6, 1.6), st.floats(0.6, 4.0)),
    mode=st.sampled_from(InPlaneMode),
    offset=st.tuples(*[st.floats(-4, 4)] * 3),
)
def test_a_marker_comes_back_to_its_place(rotation, axes, spacing, mode, offset, make_affine_outside):
    """A smooth marker's centroid survives slices and restoration.

    Coordinates are exact (see above); linear resampling blurs a little more between native pixels than on
    them, which is what moves a centroid: by up to 0.02 mm, a fiftieth of a network pixel.
    """
    shape = (48, 45, 42)
    affine = make_affine_outside(shape, spacing, rotation @ axes)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    sigma = 3.0
    centre = (np.array(shape) - 1) / 2 + offset
    marker = np.exp(-((index - centre) ** 2).sum(-1) / (2 * sigma**2)).astype(np.float32)
    scan = scan_from_array(marker * 100 + 1, affine, file_name="marker.nii")
    manifest = prepare_scan(scan, PrepareOptions(in_plane_mode=mode)).manifest
    slices = to_network(oriented(marker, manifest.geometry), manifest.geometry)
    restored = restore_volume(manifest, [(0, np.clip(slices, 0, 1))])
    before = nib.affines.apply_affine(affine, _centroid(index, marker))
    after = nib.affines.apply_affine(affine, _centroid(index, restored))
    np.testing.assert_allclose(after, before, atol=0.03)


def _centroid(index, weights):
    return (index * weights[..., None].astype(np.float64)).sum((0, 1, 2)) / weights.sum(dtype=np.float64)


@pytest.fixture(scope="module")
def make_affine_outside(make_affine):
    """The affine factory, for tests under hypothesis."""
    return make_affine


@pytest.mark.parametrize(
    ("spacing", "slice_axis"),
    [
        ((1, 1, 1), 2),
        ((1, 1, 3), 2),
        ((3, 1, 1), 0),
        ((1, 3, 1), 1),
        ((1.4, 1, 1), 2),
        ((1.6, 1, 1), 0),
        ((1.2, 1.2, 1), 2),
    ],
)
def test_the_slice_axis_is_the_coarsest_or_else_axial(spacing, slice_axis, make_affine):
    shape = (40, 41, 42)
    assert plan_slices(shape, make_affine(shape, spacing)).slice_axis == slice_axis


@pytest.mark.parametrize("size", [100, 181, 256])
def test_one_millimetre_pixels_are_cut_out_and_not_interpolated(size, make_affine):
    shape = (size, size - 1, 4)
    volume = np.random.default_rng(0).random(shape, dtype=np.float32)
    geometry = plan_slices(shape, make_affine(shape, (1.0, 1.0, 1.0)))
    canvas = to_network(oriented(volume, geometry), geometry)
    assert set(np.unique(volume)) <= set(np.unique(canvas))


def test_the_canvas_is_laid_about_the_head(make_affine):
    shape = (400, 400, 10)
    affine = make_affine(shape, (1.0, 1.0, 4.0))
    volume = np.zeros(shape, dtype=np.float32)
    volume[20:180, 200:390] = 1
    geometry = plan_slices(shape, affine, head_bounds=((20, 179), (200, 389), (0, 9)))
    canvas = to_network(oriented(volume, geometry), geometry)
    assert canvas.sum() == volume.sum()
    rows = np.flatnonzero(canvas[0].any(axis=1))
    assert abs((rows[0] + rows[-1]) / 2 - 127.5) <= 1


def test_resize_stretches_the_whole_slice(make_affine):
    shape = (64, 128, 4)
    geometry = plan_slices(shape, make_affine(shape, (1.0, 1.0, 4.0)), in_plane_mode=InPlaneMode.RESIZE)
    canvas = to_network(np.ones((4, 128, 64), dtype=np.float32), geometry)
    np.testing.assert_allclose(canvas, 1.0, atol=1e-6)
    assert (geometry.row_step, geometry.column_step) == (0.5, 0.25)


@pytest.mark.parametrize("plane", [SlicePlane.CORONAL, SlicePlane.SAGITTAL])
@pytest.mark.parametrize("axes", [np.eye(3), np.diag([1.0, 1.0, -1.0])], ids=axis_codes)
def test_of_a_head_with_its_neck_the_vertex_is_on_the_canvas(plane, axes, make_affine):
    shape = (160, 180, 300)
    affine = make_affine(shape, (1.0, 1.0, 1.0), axes)
    geometry = plan_slices(shape, affine, plane=plane, head_bounds=((0, 159), (0, 179), (5, 294)))
    assert geometry.flip_rows == (axes[2, 2] > 0), "rows run down from the vertex"
    assert geometry.row_origin == 5
    short = plan_slices(shape, affine, plane=plane, head_bounds=((0, 159), (0, 179), (100, 294)))
    assert short.row_origin == pytest.approx((5 if axes[2, 2] > 0 else 100) + 97 - 127.5, abs=1), "in the middle"
