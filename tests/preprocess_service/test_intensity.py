"""Normal tissue comes out about 0 and lesions above, whatever the scanner's scale, skull or outliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocess_service.pipeline import fit_intensity

RNG = np.random.default_rng(7)
SHAPE = (60, 60, 40)


def tissues(*parts, air=3):
    """A volume of normally distributed tissues, (fraction, mean, spread) each, and air of that noise."""
    values = RNG.rayleigh(air, np.prod(SHAPE))
    start = 0
    for fraction, mean, spread in parts:
        count = int(fraction * values.size)
        values[start : start + count] = RNG.normal(mean, spread, count)
        start += count
    return np.maximum(values, 0).astype(np.float32).reshape(SHAPE)


CSF, BRAIN, FAT = (0.06, 60, 20), (0.3, 250, 25), (0.04, 600, 60)


@pytest.mark.parametrize(
    "volume",
    [
        pytest.param(tissues(CSF, BRAIN), id="brain only"),
        pytest.param(tissues(CSF, BRAIN, FAT), id="bright fat"),
        pytest.param(tissues((0.4, 70, 30), (0.2, 250, 25)), id="more dark tissue than brain"),
        pytest.param(tissues(CSF, BRAIN, (0.03, 380, 20)), id="heavy lesion load"),
        pytest.param(tissues(CSF, BRAIN, (0.0002, 30_000, 100)), id="a few outliers"),
        pytest.param(tissues(CSF, (0.15, 250, 25), air=22), id="much noisy air"),
    ],
)
def test_the_peak_is_the_brain(volume):
    intensity = fit_intensity(volume)
    assert intensity.center == pytest.approx(250, rel=0.03)
    assert 20 < intensity.scale < 45


def test_clipping_keeps_lesions_and_cuts_outliers():
    intensity = fit_intensity(tissues(CSF, BRAIN, (0.0002, 30_000, 100)))
    assert intensity.clip_low == 0
    assert 300 < intensity.clip_high < 1000


@settings(max_examples=30)
@given(st.floats(1e-3, 1e5))
def test_the_scanners_scale_does_not_matter(factor):
    volume = tissues(CSF, BRAIN, FAT)
    original, scaled = fit_intensity(volume), fit_intensity(volume * np.float32(factor))
    assert scaled.center == pytest.approx(original.center * factor, rel=0.02)
    assert scaled.scale == pytest.approx(original.scale * factor, rel=0.02)


def test_the_order_of_voxels_does_not_matter():
    volume = tissues(CSF, BRAIN, FAT)
    assert fit_intensity(volume) == fit_intensity(np.asfortranarray(volume.transpose(2, 0, 1)[::-1]))


@pytest.mark.parametrize("volume", [np.full((4, 4, 4), -3.0), np.zeros((4, 4, 4))])
def test_no_tissue_at_all_is_an_error(volume):
    with pytest.raises(ValueError, match="no tissue peak"):
        fit_intensity(volume.astype(np.float32))


def test_sharpening_raises_a_spot_and_leaves_flat_areas():
    intensity = fit_intensity(tissues(CSF, BRAIN))
    image = np.zeros((1, 32, 32), dtype=np.float32)
    image[0, 16, 16] = 2
    sharpened = intensity.sharpen(image, (1.0, 1.0))
    assert 2 < sharpened[0, 16, 16] < 2 * (1 + intensity.sharpening_amount)
    assert sharpened[0, 16, 18] < 0
    np.testing.assert_allclose(sharpened[0, :8], 0, atol=1e-6)
    assert intensity.sharpen(image * 100, (1.0, 1.0)).max() == 8


def test_a_constant_that_was_added_is_background():
    brain = tissues((0.1, 250, 25), air=0.0)
    assert fit_intensity(np.where(brain > 0, brain, 75).astype(np.float32)).center == pytest.approx(250, rel=0.03)
