"""Reliability bins against the definition, and what a perfect and a wrong probability come to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mamba_hunet.metrics import expected_calibration_error, reliability
from mamba_hunet.metrics.calibration import EDGES

probabilities = arrays(np.float32, (4, 5, 3), elements=st.floats(0, 1, width=32))


@given(probability=probabilities, truth=arrays(np.bool_, (4, 5, 3)))
def test_every_voxel_from_the_first_edge_upwards_is_in_the_bin_of_its_probability(probability, truth):
    bins = reliability(probability, truth)
    probability = probability.astype(np.float64)
    assert [each.low for each in bins] == list(EDGES[:-1])
    assert sum(each.voxels for each in bins) == np.count_nonzero(probability >= EDGES[0])
    for each in bins:
        last = each.high == EDGES[-1]
        inside = (probability >= each.low) & ((probability < each.high) | (last & (probability == each.high)))
        assert each.voxels == np.count_nonzero(inside)
        if each.voxels:
            assert each.mean_probability == pytest.approx(probability[inside].mean(dtype=np.float64))
            assert each.lesion_share == pytest.approx(truth[inside].mean())


def test_a_probability_that_holds_has_no_error():
    probability = np.full((10, 10, 10), 0.75)
    truth = np.zeros(1000)
    truth[:750] = 1
    assert expected_calibration_error(reliability(probability, truth.reshape(10, 10, 10))) == pytest.approx(0.0)


def test_a_probability_that_promises_too_much_is_off_by_what_it_promises():
    bins = reliability(np.full((4, 4, 4), 0.9), np.zeros((4, 4, 4)))
    assert expected_calibration_error(bins) == pytest.approx(0.9)


def test_a_scan_without_a_judged_voxel_has_no_error_to_report():
    assert expected_calibration_error(reliability(np.zeros((3, 3, 3)), np.zeros((3, 3, 3)))) is None


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="outside"):
        reliability(np.full((2, 2, 2), 1.5), np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="grid"):
        reliability(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))
