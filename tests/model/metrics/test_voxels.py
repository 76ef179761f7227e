"""Dice, IoU, sensitivity and specificity, and what ties them together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mamba_hunet.metrics import dice, iou, sensitivity, specificity

FIGURES = [dice, iou, sensitivity, specificity]
EMPTY = np.zeros((4, 5, 6), np.uint8)
FULL = np.ones((4, 5, 6), np.uint8)
ONE = EMPTY.copy()
ONE[1, 2, 3] = 1
masks = arrays(np.uint8, (3, 4, 5), elements=st.sampled_from([0, 0, 1]))


def test_the_four_of_a_mask_that_overlaps_in_part():
    mask, truth = np.zeros(20, bool), np.zeros(20, bool)
    mask[0:4] = truth[2:8] = True
    assert dice(mask, truth) == pytest.approx(2 * 2 / (4 + 6))
    assert iou(mask, truth) == pytest.approx(2 / 8)
    assert sensitivity(mask, truth) == pytest.approx(2 / 6)
    assert specificity(mask, truth) == pytest.approx(12 / 14)


@pytest.mark.parametrize("figure", FIGURES)
def test_nothing_marked_where_nothing_is_true_is_perfect(figure):
    assert figure(EMPTY, EMPTY) == 1.0


def test_a_mark_where_nothing_is_true():
    assert dice(ONE, EMPTY) == iou(ONE, EMPTY) == 0.0
    assert sensitivity(ONE, EMPTY) == 1.0
    assert specificity(ONE, EMPTY) == pytest.approx(119 / 120)


def test_nothing_marked_where_something_is_true():
    assert dice(EMPTY, ONE) == iou(EMPTY, ONE) == sensitivity(EMPTY, ONE) == 0.0
    assert specificity(EMPTY, ONE) == 1.0


def test_nothing_healthy_to_leave_unmarked():
    assert specificity(EMPTY, FULL) == specificity(FULL, FULL) == 1.0


@given(mask=masks, truth=masks)
def test_all_are_parts_of_a_whole_and_a_truth_agrees_with_itself(mask, truth):
    for figure in FIGURES:
        assert 0.0 <= figure(mask, truth) <= 1.0
        assert figure(truth, truth) == 1.0


@given(mask=masks, truth=masks)
def test_dice_and_iou_are_symmetric_and_one_follows_from_the_other(mask, truth):
    assert dice(mask, truth) == dice(truth, mask)
    assert iou(mask, truth) == iou(truth, mask)
    assert iou(mask, truth) == pytest.approx(dice(mask, truth) / (2 - dice(mask, truth)))


@given(mask=masks, truth=masks)
def test_specificity_is_the_sensitivity_for_what_is_healthy(mask, truth):
    assert specificity(mask, truth) == sensitivity(mask == 0, truth == 0)


@given(pairs=st.lists(st.tuples(masks, masks), min_size=1, max_size=6))
def test_mean_iou_lies_between_the_bounds_that_mean_dice_sets(pairs):
    mean_dice = np.mean([dice(*pair) for pair in pairs])
    mean_iou = np.mean([iou(*pair) for pair in pairs])
    assert mean_dice / (2 - mean_dice) - 1e-12 <= mean_iou <= mean_dice + 1e-12


@given(mask=masks, truth=masks, value=st.integers(1, 255))
def test_any_value_but_zero_is_lesion(mask, truth, value):
    for figure in FIGURES:
        assert figure(mask * np.uint8(value), truth) == figure(mask, truth)


@pytest.mark.parametrize("figure", FIGURES)
def test_masks_on_two_grids_are_refused(figure):
    with pytest.raises(ValueError, match="grid"):
        figure(EMPTY, EMPTY[:3])
