"""The 95th percentile Hausdorff distance, against its definition spelled out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from mamba_hunet.metrics import hd95_mm

lengths_mm = st.sampled_from([0.5, 0.83, 1.0, 2.2, 4.4])


@st.composite
def pairs(draw):
    """Two masks that hold lesion, (i, j, k) or (rows, columns), and a spacing."""
    shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=6))
    some = arrays(np.bool_, shape).filter(np.any)
    return draw(some), draw(some), draw(st.tuples(*[lengths_mm] * len(shape)))


def surface_mm(mask, spacing_mm):
    """Centres of the voxels that have a face on the outside, (voxels, axes)."""
    padded = np.pad(mask, 1)
    inside = padded.copy()
    for axis in range(mask.ndim):
        for step in (-1, 1):
            inside &= np.roll(padded, step, axis)
    return np.argwhere(padded & ~inside) * np.array(spacing_mm)


def by_definition(mask, truth, spacing_mm):
    a, b = surface_mm(mask, spacing_mm), surface_mm(truth, spacing_mm)
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    return max(np.percentile(distances.min(axis=1), 95), np.percentile(distances.min(axis=0), 95))


@given(pair=pairs())
def test_it_is_what_its_definition_says(pair):
    # MONAI interpolates the percentile in float32.
    assert hd95_mm(*pair) == pytest.approx(by_definition(*pair), rel=1e-5, abs=1e-5)


@settings(max_examples=30)
@given(pair=pairs(), factor=st.sampled_from([0.1, 3.0]))
def test_it_is_symmetric_and_grows_with_the_voxels(pair, factor):
    mask, truth, spacing_mm = pair
    distance = hd95_mm(mask, truth, spacing_mm)
    assert hd95_mm(truth, mask, spacing_mm) == distance
    assert hd95_mm(mask, mask, spacing_mm) == 0.0
    assert hd95_mm(mask, truth, [factor * length for length in spacing_mm]) == pytest.approx(
        factor * distance, rel=1e-5, abs=1e-5
    )


@settings(max_examples=30)
@given(pair=pairs())
def test_missing_everything_is_never_better_than_any_mark(pair):
    mask, truth, spacing_mm = pair
    assert hd95_mm(mask, truth, spacing_mm) <= hd95_mm(np.zeros_like(mask), truth, spacing_mm) + 1e-5


def test_a_shift_is_measured_in_the_spacing_of_its_axis():
    mask = np.zeros((12, 12, 12), bool)
    mask[3:6, 3:6, 3:6] = True
    for axis, length_mm in enumerate((0.83, 0.83, 4.4)):
        shifted = np.roll(mask, 2, axis)
        assert hd95_mm(mask, shifted, (0.83, 0.83, 4.4)) == pytest.approx(2 * length_mm, rel=1e-5)


def test_empty_masks():
    empty = np.zeros((11, 21, 6), bool)
    one = empty.copy()
    one[5, 5, 5] = True
    diagonal_mm = np.sqrt(10**2 + 40**2 + 15**2)
    assert hd95_mm(empty, empty, (1.0, 2.0, 3.0)) == 0.0
    assert hd95_mm(empty, one, (1.0, 2.0, 3.0)) == pytest.approx(diagonal_mm)
    assert hd95_mm(one, empty, (1.0, 2.0, 3.0)) == pytest.approx(diagonal_mm)


def test_what_does_not_fit_together_is_refused():
    mask = np.ones((4, 4, 4), bool)
    with pytest.raises(ValueError, match="grid"):
        hd95_mm(mask, mask[:3], (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="2 spacings for masks of 3 axes"):
        hd95_mm(mask, mask, (1.0, 1.0))
