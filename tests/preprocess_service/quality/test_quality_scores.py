"""How figures become scores, flags and one number."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from preprocess_service.pipeline import ScanError, prepare_scan, scan_from_array
from preprocess_service.pipeline.quality.references import COMPONENTS
from preprocess_service.pipeline.quality.result import Component, Measurement, Quality, Severity
from preprocess_service.pipeline.quality.scale import FLAG_LIMIT

SCALES = [scale for scales in COMPONENTS.values() for scale in scales]
scales = st.sampled_from(SCALES)
score = st.floats(0, 1)


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_a_scale_falls_from_ordinary_over_the_limit_to_useless(scale):
    places = (scale.ordinary, scale.limit, scale.useless)
    assert [scale.measurement(place).score for place in places] == [1.0, FLAG_LIMIT, 0.0]


@given(scales, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_worse_figures_never_score_higher(scale, one, other):
    towards_worse = math.copysign(1, scale.useless - scale.ordinary)
    better, worse = sorted((one, other), key=lambda value: value * towards_worse)
    assert 0 <= scale.measurement(worse).score <= scale.measurement(better).score <= 1


@given(scales, st.floats(-1e6, 1e6))
def test_a_flag_is_raised_below_the_limit_and_says_a_sentence(scale, value):
    measurement = scale.measurement(value)
    flag = scale.flag(measurement)
    assert (flag is None) == (measurement.score >= FLAG_LIMIT)
    if flag:
        assert flag.severity is Severity.WARNING
        assert flag.message[0].isupper()
        assert flag.message.endswith(".")
        assert "{" not in flag.message


@given(st.lists(st.lists(score, max_size=3), max_size=4))
def test_a_scan_is_as_good_as_its_weakest_component(scores):
    components = tuple(
        Component(f"component {n}", tuple(Measurement("figure", 0.0, "", each) for each in some))
        for n, some in enumerate(scores)
    )
    assert Quality(components).score == min((each for some in scores for each in some), default=None)


def test_no_refusal_and_no_measurement_of_tissue_where_there_is_none(make_affine):
    """A block of noise: the grid is assessed, and so is what can be."""
    block = np.random.default_rng(0).normal(100, 10, (12, 12, 5))
    scan = scan_from_array(block, make_affine(block.shape, (1.0, 1.0, 4.0)), file_name="block.nii")
    quality = prepare_scan(scan).manifest.quality
    by_name = {component.name: component for component in quality.components}
    assert list(by_name) == list(COMPONENTS)
    assert by_name["contrast"].score is None
    assert by_name["coverage"].score == quality.score == 0


def test_one_slice_is_assessed(make_affine):
    picture = np.random.default_rng(0).normal(100, 10, (200, 200, 1))
    picture[:60], picture[-60:] = 0, 0
    scan = scan_from_array(picture, make_affine(picture.shape, (1.0, 1.0, 4.0)), file_name="slice.nii")
    assert {flag.code for flag in prepare_scan(scan).manifest.quality_flags} >= {"partial_coverage"}


@settings(max_examples=40)
@given(st.data())
def test_any_volume_with_tissue_gets_scores(data):
    shape = data.draw(st.tuples(*[st.integers(1, 24)] * 3))
    spacing = data.draw(st.tuples(*[st.floats(0.3, 12)] * 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    volume = rng.gamma(data.draw(st.floats(0.3, 9)), 50.0, shape)
    try:
        manifest = prepare_scan(scan_from_array(volume, np.diag([*spacing, 1.0]), file_name="any.nii")).manifest
    except ScanError:
        assume(False)
    assert 0 <= manifest.quality.score <= 1
    values = [figure.value for component in manifest.quality.components for figure in component.measurements]
    assert np.isfinite(values).all()
