"""From scan to slices and back again."""

import numpy as np
import pytest
from preprocess_service.pipeline import (
    InPlaneMode,
    PrepareOptions,
    RestoreError,
    ScanError,
    SlicePlane,
    VolumeRestorer,
    oriented,
    prepare_scan,
    restore_volume,
    scan_from_array,
    to_network,
)


@pytest.fixture(scope="module")
def thick(make_head, make_affine):
    """An axial scan of 1 x 1 x 4 mm."""
    shape = (150, 180, 34)
    affine = make_affine(shape, (1.0, 1.0, 4.0))
    return scan_from_array(make_head(shape, affine), affine, file_name="thick.nii")


@pytest.fixture(scope="module")
def prepared(thick):
    return prepare_scan(thick)


def flags(scan, **options):
    return {flag.code for flag in prepare_scan(scan, PrepareOptions(**options)).manifest.quality_flags}


def test_slices_hold_tissue_at_zero_lesions_above_air_below(prepared, thick):
    slices = prepared.slices(0, 34)
    assert slices.shape == (34, 256, 256)
    assert slices.dtype == np.float32
    brain = to_network(
        oriented((thick.data > 150).astype(np.float32), prepared.manifest.geometry),
        prepared.manifest.geometry,
    )
    assert abs(np.median(slices[brain > 0.99])) < 0.5
    assert slices.max() > 3
    assert np.median(slices) < -4
    assert np.abs(slices).max() <= 8


def test_slices_do_not_depend_on_how_they_are_batched(prepared):
    together = prepared.slices(0, 34)
    np.testing.assert_array_equal(
        np.concatenate([prepared.slices(first, min(5, 34 - first)) for first in range(0, 34, 5)]), together
    )


@pytest.mark.parametrize(("first", "count"), [(-1, 2), (34, 1), (33, 2), (0, 0)])
def test_slices_that_are_not_there(first, count, prepared):
    with pytest.raises(IndexError):
        prepared.slices(first, count)


@pytest.mark.parametrize("mode", InPlaneMode)
@pytest.mark.parametrize("plane", [SlicePlane.AXIAL, SlicePlane.CORONAL, SlicePlane.SAGITTAL])
def test_a_smooth_volume_survives_the_round_trip(plane, mode, thick):
    manifest = prepare_scan(thick, PrepareOptions(slice_plane=plane, in_plane_mode=mode)).manifest
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, size) for size in thick.data.shape), indexing="ij")
    smooth = (0.5 + 0.4 * np.sin(3 * i) * np.cos(2 * j) * np.sin(2 * k)).astype(np.float32)
    slices = to_network(oriented(smooth, manifest.geometry), manifest.geometry)
    np.testing.assert_allclose(restore_volume(manifest, [(0, slices)]), smooth, atol=0.02)


def test_batches_may_come_in_any_order(prepared):
    probabilities = np.random.default_rng(1).random((34, 256, 256), dtype=np.float32)
    batches = [(first, probabilities[first : first + 7]) for first in range(0, 34, 7)]
    np.testing.assert_array_equal(
        restore_volume(prepared.manifest, reversed(batches)),
        restore_volume(prepared.manifest, [(0, probabilities)]),
    )


def refusal(manifest, batches):
    with pytest.raises(RestoreError) as caught:
        restore_volume(manifest, batches)
    return caught.value.reason_code


def test_predictions_that_do_not_fit(prepared):
    slices = np.zeros((34, 256, 256), dtype=np.float32)
    manifest = prepared.manifest
    assert refusal(manifest, []) == "missing_slices"
    assert refusal(manifest, [(1, slices[1:])]) == "missing_slices"
    assert refusal(manifest, [(0, slices), (5, slices[:1])]) == "duplicate_slices"
    assert refusal(manifest, [(1, slices)]) == "slice_out_of_range"
    assert refusal(manifest, [(-1, slices)]) == "slice_out_of_range"
    assert refusal(manifest, [(0, slices[:, :128])]) == "bad_batch"
    assert refusal(manifest, [(0, slices + 1.5)]) == "not_a_probability"
    assert refusal(manifest, [(0, slices - 1.5)]) == "not_a_probability"
    assert refusal(manifest, [(0, slices * np.nan)]) == "not_a_probability"


def test_a_refused_batch_leaves_no_trace(prepared):
    restorer = VolumeRestorer(prepared.manifest)
    slices = np.full((34, 256, 256), 0.25, dtype=np.float32)
    with pytest.raises(RestoreError):
        restorer.add(0, slices * np.nan)
    restorer.add(0, slices)
    assert restorer.finish().max() == pytest.approx(0.25)


def test_denoising_removes_a_lone_bright_pixel(thick):
    spotted = thick.data.copy()
    spotted[60, 60, 17] = 500
    scan = scan_from_array(spotted, thick.affine, file_name="spotted.nii")

    def trace_of_the_spot(options):
        return np.abs(prepare_scan(scan, options).slices(17, 1) - prepare_scan(thick, options).slices(17, 1)).max()

    assert trace_of_the_spot(PrepareOptions(denoise=False)) > 3
    assert trace_of_the_spot(PrepareOptions(denoise=True)) < 1
    assert prepare_scan(scan, PrepareOptions(denoise=True)).manifest.intensity.denoised


def test_the_manifest_says_where_it_comes_from(prepared, thick):
    manifest = prepared.manifest
    assert manifest.input_sha256 == thick.sha256
    assert manifest.shape == (150, 180, 34)
    assert np.array_equal(np.reshape(manifest.affine, (4, 4)), thick.affine)
    assert {"numpy", "scipy", "nibabel", "hunet-preprocess-service"} == dict(manifest.software).keys()


def test_a_good_scan_has_no_flags(thick):
    assert flags(thick) == set()


def test_a_head_wider_than_the_canvas_is_flagged(make_head, make_affine):
    shape = (150, 180, 34)
    wide = make_affine(shape, (1.0, 1.0, 4.0))
    data = make_head(shape, wide)
    wide[1, 1] = 1.9  # stretches the head's 160 mm beyond 256
    assert "field_of_view_cropped" in flags(scan_from_array(data, wide, file_name="wide.nii"))
    assert "field_of_view_cropped" not in flags(
        scan_from_array(data, wide, file_name="wide.nii"), in_plane_mode=InPlaneMode.RESIZE
    )


@pytest.mark.parametrize(
    ("spacing", "shape", "expected"),
    [
        ((1.0, 1.0, 6.0), (150, 180, 22), {"thick_slices"}),
        ((2.0, 2.0, 4.0), (75, 90, 34), {"coarse_pixels"}),
        ((1.0, 1.0, 4.0), (150, 180, 12), {"partial_coverage", "head_cut_off"}),
    ],
)
def test_coarse_and_partial_scans_are_flagged(spacing, shape, expected, make_head, make_affine):
    affine = make_affine(shape, spacing)
    assert flags(scan_from_array(make_head(shape, affine), affine, file_name="scan.nii")) == expected


def test_a_volume_without_tissue_is_refused_by_name(make_affine):
    shape = (20, 20, 20)
    scan = scan_from_array(-np.ones(shape), make_affine(shape, (1.0, 1.0, 1.0)), file_name="empty.nii")
    with pytest.raises(ScanError, match=r"empty\.nii: no tissue peak"):
        prepare_scan(scan)
