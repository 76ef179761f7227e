"""The pipeline makes today what it made when the committed weights were trained (golden/make_golden.py)."""

from pathlib import Path

import numpy as np
import pytest
from preprocess_service.pipeline import prepare_scan, restore_volume, scan_from_array

# Stored as float16, whose step near 8 is 0.008.
SLICE_TOLERANCE = 0.01
PROBABILITY_TOLERANCE = 0.002


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "golden" / "pipeline.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def prepared(golden):
    return prepare_scan(scan_from_array(golden["volume"], golden["affine"], file_name="golden.nii"))


def test_the_grey_scale(golden, prepared):
    intensity = prepared.manifest.intensity
    np.testing.assert_allclose([intensity.clip_high, intensity.center, intensity.scale], golden["intensity"], rtol=1e-6)


def test_the_slices(golden, prepared):
    for number, expected in zip(golden["slice_numbers"], golden["slices"], strict=True):
        np.testing.assert_allclose(prepared.slices(int(number), 1)[0], expected, atol=SLICE_TOLERANCE)


def test_the_way_back(golden, prepared):
    slices = prepared.slices(0, prepared.manifest.geometry.slice_count)
    restored = restore_volume(prepared.manifest, [(0, 1 / (1 + np.exp(2 - slices)))])
    np.testing.assert_allclose(restored[:, :, golden["slice_numbers"]], golden["restored"], atol=PROBABILITY_TOLERANCE)
