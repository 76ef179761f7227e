"""All figures of one scan: by volume, and by slice as the paper has them."""

import numpy as np
import pytest
from mamba_hunet.metrics import agreement, dice, hd95_mm

SPACING_MM = (1.0, 2.0, 5.0)


@pytest.fixture
def truth():
    truth = np.zeros((10, 10, 6), np.uint8)
    truth[2:6, 2:6, 1] = 1
    truth[4:6, 4:6, 3] = 1
    return truth


def test_slice_means_are_over_the_slices_that_truly_show_lesion(truth):
    mask = np.zeros_like(truth)
    mask[2:6, 2:6, 1] = 1  # whole
    mask[0, 0, 5] = 1  # where nothing is: no slice of the mean
    found = agreement(mask, truth, SPACING_MM, slice_axis=2)
    assert found.slice_count == 2
    assert found.slices.dice == pytest.approx((1 + 0) / 2)
    missed_mm = hd95_mm(mask[..., 3], truth[..., 3], (1.0, 2.0))
    assert found.slices.hd95_mm == pytest.approx((0 + missed_mm) / 2)
    assert found.volume.dice == pytest.approx(2 * 16 / (17 + 20))


def test_slices_run_along_the_axis_that_the_network_sliced(truth):
    turned = agreement(truth.transpose(2, 0, 1), truth.transpose(2, 0, 1), (5.0, 1.0, 2.0), slice_axis=0)
    assert turned == agreement(truth, truth, SPACING_MM, slice_axis=2)
    assert agreement(truth, truth, SPACING_MM, slice_axis=0).slice_count == 4


def test_in_plane_distances_use_the_spacing_of_the_plane(truth):
    mask = np.roll(truth, 1, axis=1)
    assert agreement(mask, truth, SPACING_MM, slice_axis=2).slices.hd95_mm == pytest.approx(2.0, rel=1e-5)


def test_figures_by_name(truth):
    mask = np.roll(truth, 2, axis=0)
    found = agreement(mask, truth, SPACING_MM, slice_axis=2).figures()
    assert found["dice"] == dice(mask, truth)
    assert found["truth_ml"] == found["volume_ml"] == pytest.approx(20 * 10 / 1000)
    assert found["volume_error_ml"] == found["relative_volume_error"] == 0.0
    assert (found["true_lesions"], found["found_lesions"]) == (2, 1)
    assert found["lesion_sensitivity"] == 0.5
    assert {name.removeprefix("slice_") for name in found if name.startswith("slice_")} == {
        "dice", "iou", "hd95_mm", "sensitivity", "specificity", "count",
    }  # fmt: skip


def test_a_scan_without_lesions_has_no_slice_figures(truth):
    clean, marked = np.zeros_like(truth), truth
    found = agreement(clean, clean, SPACING_MM, slice_axis=2)
    assert (found.volume.dice, found.volume.hd95_mm, found.lesions.f1, found.relative_volume_error) == (1, 0, 1, 0)
    assert found.slices is None
    assert found.figures()["slice_dice"] is None
    false = agreement(marked, clean, SPACING_MM, slice_axis=2)
    assert (false.volume.dice, false.lesions.precision, false.relative_volume_error) == (0, 0, None)
