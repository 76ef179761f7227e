"""Means over patients, bootstrap intervals and paired differences."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hunet_client.errors import UsageError
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.comparison import FIGURES, Level, NetworkResults, compare_networks
from mamba_hunet.evaluation_csv import CaseRow, SeenInTraining

FIGURE_NAMES = [figure.name for level in Level for figure in FIGURES[level]]


def network(name, values, rater2=None):
    """Every figure of patient k is the k-th of `values`; of the second rater, of `rater2`."""
    rows = []
    for number, value in enumerate(values):
        figures = dict.fromkeys(FIGURE_NAMES, value) | {"truth_ml": 1.0}
        of_rater2 = rater2[number] if rater2 else None
        figures |= {f"rater2_{figure}": of_rater2 for figure in FIGURE_NAMES}
        row = CaseRow(Path(f"{name}.csv"), name, "north", f"c{number}", f"p{number}", SeenInTraining.NO, figures)
        rows.append(row)
    return NetworkResults(name, tuple(rows))


def compare(*networks, level=Level.VOLUME, baseline=None, seed=0):
    return compare_networks(networks, level, baseline, seed)


def test_an_interval_holds_the_means_of_resampled_patients():
    values = [0.1, 0.5, 0.9]
    exact = np.percentile([fmean(drawn) for drawn in product(values, repeat=3)], [2.5, 97.5])
    mean = compare(network("a", values)).networks[0].means["dice"]
    assert mean.mean == pytest.approx(0.5)
    # Four of the 27 possible samples lie near either bound: a resampled bound is one of their means.
    assert (mean.low, mean.high) == pytest.approx(exact, abs=0.14)


@settings(max_examples=15)
@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=9), seed=st.integers(0, 3))
def test_an_interval_lies_about_its_mean_within_the_patients_and_can_be_repeated(values, seed):
    mean = compare(network("a", values), seed=seed).networks[0].means["dice"]
    assert min(values) - 1e-9 <= mean.low <= mean.mean + 1e-9
    assert mean.mean - 1e-9 <= mean.high <= max(values) + 1e-9
    assert compare(network("a", values), seed=seed).networks[0].means["dice"] == mean


def test_one_patient_has_no_interval():
    comparison = compare(network("a", [0.4]), network("b", [0.5]))
    assert (comparison.networks[0].means["dice"].low, comparison.networks[0].means["dice"].high) == (None, None)
    assert comparison.networks[1].differences["dice"].interval.low is None
    assert "no interval" in comparison.meaning


def test_networks_that_may_have_seen_the_patients_are_named():
    known, unknown = network("a", [0.4, 0.6]), network("b", [0.5, 0.6])
    rows = [replace(row, seen_in_training=SeenInTraining.UNKNOWN) for row in unknown.rows]
    assert "not known" not in compare(known, unknown).meaning
    assert "Whether b was trained" in compare(known, NetworkResults("b", tuple(rows))).meaning


def test_few_patients_are_said_to_give_too_narrow_intervals():
    assert "too narrow" in compare(network("a", [0.1] * 7)).meaning
    assert "too narrow" not in compare(network("a", [0.1] * 20)).meaning


def test_differences_are_paired_by_patient():
    values = [0.1, 0.5, 0.9]
    better = compare(network("a", values), network("b", [value + 0.01 for value in values])).networks[1]
    gain = better.differences["dice"]
    # The patients differ a hundred times more than the networks, and yet the gain is certain.
    assert (gain.interval.mean, gain.interval.low, gain.interval.high) == pytest.approx((0.01, 0.01, 0.01))
    assert (gain.better, gain.patients) == (3, 3)
    # Lower is better where distances are counted.
    assert better.differences["hd95_mm"].better == 0


def test_a_tie_is_not_better():
    assert compare(network("a", [0.5, 0.6]), network("b", [0.5, 0.7])).networks[1].differences["dice"].better == 1


def test_the_baseline_is_mamba_hunet_or_the_first_or_whom_one_names():
    unet, mamba, other = network("unet", [0.1]), network("mamba_hunet", [0.2]), network("other", [0.3])
    assert compare(unet, mamba, other).baseline == "mamba_hunet"
    assert compare(unet, other).baseline == "unet"
    named = compare(unet, mamba, other, baseline="other")
    assert [bool(one.differences) for one in named.networks] == [True, True, False]
    with pytest.raises(UsageError, match="Choose one of unet, other"):
        compare(unet, other, baseline="vnet")


def test_the_second_rater_is_compared_on_the_patients_who_have_one():
    rater2 = [0.8, None, 0.6]
    found = compare(network("a", [0.1, 0.2, 0.3], rater2), network("b", [0.5, 0.6, 0.7], rater2)).rater2
    assert found.patients == ("p0", "p2")
    assert found.means["dice"] == pytest.approx({"second rater": 0.7, "a": 0.2, "b": 0.6})
    assert compare(network("a", [0.1, 0.2])).rater2 is None


def test_the_second_rater_is_compared_on_the_scans_that_were_read_twice():
    rows = network("a", [0.1, 0.9, 0.3], [0.8, None, 0.6]).rows
    visits = NetworkResults("a", tuple(replace(row, patient=row.patient.replace("p1", "p0")) for row in rows))
    assert compare(visits).rater2.means["dice"] == pytest.approx({"second rater": 0.7, "a": 0.2})


def test_patients_without_lesions_are_left_out_of_slice_means_only():
    clean = network("a", [0.5, 0.7])
    for name in FIGURE_NAMES:
        if name.startswith("slice_"):
            clean.rows[1].figures[name] = None
    assert compare(clean, level=Level.SLICE).networks[0].means["slice_dice"].mean == 0.5
    assert compare(clean, level=Level.VOLUME).networks[0].means["dice"].mean == pytest.approx(0.6)
