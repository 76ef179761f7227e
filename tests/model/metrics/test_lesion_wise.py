"""Lesions are counted, not voxels: one shared voxel finds a lesion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mamba_hunet.metrics import lesion_detection

EMPTY = np.zeros((8, 8, 8), np.uint8)
masks = arrays(np.uint8, (5, 5, 5), elements=st.sampled_from([0, 0, 0, 1]))


def boxes(*slices):
    mask = EMPTY.copy()
    for s in slices:
        mask[s, s, s] = 1
    return mask


def rates(mask, truth):
    detection = lesion_detection(mask, truth)
    return detection.sensitivity, detection.precision, detection.f1


def test_an_empty_mask_of_an_empty_truth_is_perfect():
    assert rates(EMPTY, EMPTY) == (1.0, 1.0, 1.0)


def test_marking_a_lesion_free_scan_costs_precision_only():
    assert rates(boxes(slice(0, 2)), EMPTY) == (1.0, 0.0, 0.0)


def test_marking_nothing_costs_sensitivity_only():
    assert rates(EMPTY, boxes(slice(0, 2))) == (0.0, 1.0, 0.0)


def test_one_shared_voxel_finds_a_lesion():
    truth, mask = boxes(slice(0, 3)), EMPTY.copy()
    mask[2, 2, 2] = 1
    assert lesion_detection(mask, truth).sensitivity == 1.0


def test_neighbouring_voxels_that_do_not_overlap_find_nothing():
    detection = lesion_detection(boxes(slice(3, 5)), boxes(slice(0, 3)))
    assert (detection.found_lesions, detection.correct_lesions) == (0, 0)


def test_counts_each_side_by_itself():
    truth = boxes(slice(0, 2), slice(3, 5))
    mask = boxes(slice(0, 5))
    mask[7, 7, 7] = 1
    detection = lesion_detection(mask, truth)
    assert (detection.true_lesions, detection.found_lesions) == (2, 2)
    assert (detection.predicted_lesions, detection.correct_lesions) == (2, 1)
    assert detection.f1 == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_lesions_that_touch_by_a_corner_are_one():
    assert lesion_detection(EMPTY, boxes(slice(0, 2), slice(2, 4))).true_lesions == 1


@given(mask=masks, truth=masks)
def test_swapping_mask_and_truth_swaps_sensitivity_and_precision(mask, truth):
    forth, back = lesion_detection(mask, truth), lesion_detection(truth, mask)
    assert (forth.sensitivity, forth.precision) == (back.precision, back.sensitivity)
    assert forth.f1 == back.f1
    assert min(forth.sensitivity, forth.precision) <= forth.f1 + 1e-12
    assert forth.f1 <= max(forth.sensitivity, forth.precision) + 1e-12


@given(mask=masks, truth=masks)
def test_marking_more_never_lowers_sensitivity(mask, truth):
    assert lesion_detection(mask | truth, truth).sensitivity == 1.0
    assert lesion_detection(mask, truth).found_lesions <= lesion_detection(mask, truth).true_lesions


@given(mask=masks, truth=masks, value=st.integers(1, 255))
def test_any_value_but_zero_is_lesion(mask, truth, value):
    assert lesion_detection(mask * np.uint8(value), truth) == lesion_detection(mask, truth)


def test_refuses_masks_on_two_grids_and_what_is_no_volume():
    with pytest.raises(ValueError, match="grid"):
        lesion_detection(EMPTY, EMPTY[:4])
    with pytest.raises(ValueError, match="volumes"):
        lesion_detection(EMPTY[0], EMPTY[0])
