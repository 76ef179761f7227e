"""Which planes a scan is read in, and that what was read in each is averaged."""

import nibabel as nib
import numpy as np
import pytest
from hunet_client import SegmentationClient
from hunet_client.planes import LONGEST_VOXEL_MM, further_readings, is_mirrored, plane_across, plane_of
from hunet_protocol.v1 import preprocess_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

RAS_1MM = np.diag([1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("slice_axis", "own", "others"),
    [
        (2, "axial", ("coronal", "sagittal")),
        (1, "coronal", ("axial", "sagittal")),
        (0, "sagittal", ("axial", "coronal")),
    ],
)
def test_thin_slices_are_read_in_both_other_planes_too(slice_axis, own, others):
    assert plane_across(RAS_1MM, (1.0, 1.0, 1.0), slice_axis) == own
    assert further_readings(RAS_1MM, (1.0, 1.0, 1.0), slice_axis) == others


@given(thickness_mm=st.floats(LONGEST_VOXEL_MM, 12), slice_axis=st.integers(0, 2))
def test_thick_slices_are_read_in_their_own_plane_and_there_mirrored_unless_they_are_sagittal(thickness_mm, slice_axis):
    spacing_mm = [0.8, 0.8, 0.8]
    spacing_mm[slice_axis] = thickness_mm
    affine = np.diag([*spacing_mm, 1])
    further = further_readings(affine, tuple(spacing_mm), slice_axis)
    assert further == ((), ("coronal_mirrored",), ("axial_mirrored",))[slice_axis]
    own = plane_across(affine, tuple(spacing_mm), slice_axis)
    assert all(is_mirrored(reading) and plane_of(reading) == own for reading in further)


@pytest.fixture
def thin_scan(tmp_path):
    path = tmp_path / "thin.nii.gz"
    volume = np.random.default_rng(3).integers(0, 31, size=(12, 10, 8)).astype(np.int16)
    nib.save(nib.Nifti1Image(volume, RAS_1MM), path)
    return path


@pytest.fixture
def answers_by_plane(stack):
    """The stand-in model says .9, .6 and .3, in the order in which the planes are asked for."""
    probabilities = iter([0.9, 0.6, 0.3])
    current = [0.0]

    def next_plane(manifest: pb.Manifest) -> None:
        current[0] = next(probabilities)

    stack.preprocess.change_manifest = next_plane
    stack.triton.predict = lambda slices: np.full_like(slices, current[0])


@pytest.mark.usefixtures("answers_by_plane")
def test_the_probability_is_the_mean_over_the_planes(stack, thin_scan):
    with SegmentationClient(stack.settings) as client:
        result = client.segment(thin_scan)
    assert result.planes == ("axial", "coronal", "sagittal")
    np.testing.assert_allclose(result.probability, 0.6, atol=1e-6)


@pytest.mark.usefixtures("answers_by_plane")
def test_a_single_plane_is_read_where_that_is_asked_for(stack, thin_scan):
    with SegmentationClient(stack.settings) as client:
        result = client.segment(thin_scan, single_plane=True)
    assert result.planes == ("axial",)
    assert stack.preprocess.preprocess.calls == 1
    np.testing.assert_allclose(result.probability, 0.9, atol=1e-6)


@pytest.fixture
def thick_scan(tmp_path):
    path = tmp_path / "thick.nii.gz"
    volume = np.random.default_rng(4).integers(0, 31, size=(12, 10, 4)).astype(np.int16)
    nib.save(nib.Nifti1Image(volume, np.diag([1.0, 1.0, 4.0, 1.0])), path)
    return path


def test_in_a_mirrored_reading_the_model_sees_left_and_right_exchanged_and_its_answer_is_turned_back(stack, thick_scan):
    shown = []

    def keep_and_answer(slices: np.ndarray) -> np.ndarray:
        """Whatever is shown, the same answer: a ramp from left to right."""
        shown.append(slices.copy())
        return np.broadcast_to(np.linspace(0, 1, slices.shape[-1], dtype=np.float32), slices.shape)

    stack.triton.predict = keep_and_answer
    with SegmentationClient(stack.settings) as client:
        once = client.segment(thick_scan, single_plane=True)
        plain = np.concatenate(shown)
        shown.clear()
        twice = client.segment(thick_scan)
    assert (once.planes, twice.planes) == (("axial",), ("axial", "axial_mirrored"))
    assert np.ptp(once.probability) > 0.03
    np.testing.assert_allclose(twice.probability, 0.5, atol=1e-6)
    first, second = np.split(np.concatenate(shown), 2)
    np.testing.assert_array_equal(first, plain)
    assert not np.array_equal(second, plain)
    np.testing.assert_array_equal(second[..., ::-1], plain)


def test_progress_counts_the_slices_of_all_planes(stack, thin_scan):
    seen = []
    with SegmentationClient(stack.settings) as client:
        client.segment(thin_scan, progress=lambda done, total: seen.append((done, total)))
    # The stand-in slices along k whatever it is asked for: 8 slices, three times.
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == 24
    assert {total for _, total in seen} == {12 + 10 + 8}
