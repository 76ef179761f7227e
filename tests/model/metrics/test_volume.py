"""Volume error: signed, in millilitres and as a part of the truth."""

import numpy as np
import pytest
from mamba_hunet.metrics import relative_volume_error, volume_error_ml, volume_ml

SPACING_MM = (1.0, 2.0, 5.0)
EMPTY = np.zeros((8, 8, 8), np.uint8)


def box(edge):
    mask = EMPTY.copy()
    mask[:edge, :edge, :edge] = 1
    return mask


def test_volume_is_voxels_times_their_size():
    assert volume_ml(box(4), SPACING_MM) == pytest.approx(64 * 10 / 1000)
    assert volume_ml(EMPTY, SPACING_MM) == 0.0


def test_the_error_is_signed():
    assert volume_error_ml(box(4), box(2), SPACING_MM) == pytest.approx(56 * 10 / 1000)
    assert volume_error_ml(box(2), box(4), SPACING_MM) == pytest.approx(-56 * 10 / 1000)
    assert relative_volume_error(box(4), box(2)) == pytest.approx(7.0)
    assert relative_volume_error(box(2), box(4)) == pytest.approx(-7 / 8)


def test_where_the_voxels_lie_plays_no_part():
    moved = np.roll(box(2), 3, axis=1)
    assert volume_error_ml(moved, box(2), SPACING_MM) == relative_volume_error(moved, box(2)) == 0.0


def test_empty_masks():
    assert relative_volume_error(EMPTY, EMPTY) == 0.0
    assert relative_volume_error(EMPTY, box(2)) == -1.0
    assert relative_volume_error(box(2), EMPTY) is None


def test_masks_on_two_grids_are_refused():
    for error in (relative_volume_error, lambda mask, truth: volume_error_ml(mask, truth, SPACING_MM)):
        with pytest.raises(ValueError, match="grid"):
            error(EMPTY, EMPTY[:3])
