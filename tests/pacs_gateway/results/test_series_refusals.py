"""A series that is not the mask's, or cannot carry a result, is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hunet_client.errors import InputError
from pacs_gateway.results import SourceSeries, WantedResults, build_results


@pytest.fixture
def refusal(with_lesions, made_at):
    def of(datasets, **arguments) -> str:
        with pytest.raises(InputError) as caught:
            build_results(SourceSeries(tuple(datasets), **arguments), with_lesions, WantedResults(), made_at=made_at)
        return str(caught.value)

    return of


def test_images_in_the_opposite_order_are_noticed(written, refusal):
    assert "its slice 0 lies up to 24 mm from where the mask's affine places it" in refusal(
        written.single_frames()[::-1]
    )


def test_two_images_in_each_others_place_are_noticed(written, refusal):
    datasets = written.single_frames()
    datasets[4], datasets[5] = datasets[5], datasets[4]

    assert "its slice 4 lies up to 3 mm" in refusal(datasets)


def test_a_shift_of_one_pixel_is_noticed(written, refusal):
    datasets = written.single_frames()
    for dataset in datasets:
        x_mm, y_mm, z_mm = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x_mm + 1, y_mm, z_mm]

    assert "lies up to 1 mm" in refusal(datasets)


def test_rounded_positions_are_accepted(written, with_lesions, made_at):
    datasets = written.single_frames()
    for dataset in datasets:
        dataset.ImagePositionPatient = [round(float(value) + 0.004, 2) for value in dataset.ImagePositionPatient]

    assert build_results(SourceSeries(tuple(datasets)), with_lesions, WantedResults(), made_at=made_at)


def test_a_missing_slice_is_noticed(written, refusal):
    assert "is (40, 50, 8) voxels large, the mask is (40, 50, 9)" in refusal(written.single_frames()[:-1])


def test_a_slice_given_twice_is_noticed(written, refusal):
    datasets = written.single_frames()

    assert "holds an image twice" in refusal([*datasets[:-1], datasets[0]])


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "ImagePositionPatient", "PixelSpacing", "StudyInstanceUID"])
def test_what_results_cannot_do_without_is_named(written, refusal, keyword):
    datasets = written.single_frames()
    del datasets[0][keyword]

    assert keyword in refusal(datasets)


def test_slices_of_two_stacks_are_noticed(written, refusal):
    datasets = written.single_frames()
    datasets[3].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    assert "its slice 3 has another orientation" in refusal(datasets)


def test_pixels_that_cannot_be_decoded_are_named_with_their_cause(written, refusal):
    datasets = written.single_frames()
    datasets[2].PixelData = datasets[2].PixelData[:100]

    assert "its pixels cannot be decoded" in refusal(datasets)


def test_frame_numbers_belong_to_a_multi_frame_image(written, refusal):
    assert "frame numbers" in refusal([written.multi_frame(list(range(9)))])
    assert "has no frame 10" in refusal([written.multi_frame(list(range(9)))], frame_numbers=tuple(range(2, 11)))


def test_rescaled_values_are_what_is_shown(written):
    datasets = written.single_frames()
    for k, dataset in enumerate(datasets):
        dataset.RescaleSlope, dataset.RescaleIntercept = k + 1, 5

    volume = SourceSeries(tuple(datasets)).volume()

    np.testing.assert_allclose(volume, written.volume * (np.arange(9) + 1.0) + 5)


def test_inverted_grey_is_turned_round(written):
    datasets = written.single_frames()
    for dataset in datasets:
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 40

    volume = SourceSeries(tuple(datasets)).volume()

    np.testing.assert_array_equal(volume, 300.0 - written.volume + 40.0, "as bright at most, and as dark at least")
