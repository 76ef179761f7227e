"""The resampling matrices, checked against what linear interpolation must do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from preprocess_service.pipeline.resampling import resample, to_native_matrix, to_network_matrix

grids = st.tuples(st.integers(2, 400), st.floats(0.1, 4.0), st.floats(-200, 200))


@given(grids)
def test_a_constant_stays_constant_inside_and_is_zero_outside(grid):
    native_size, step, origin = grid
    matrix = to_network_matrix(native_size, 256, step, origin)
    centres = origin + step * np.arange(256)
    inside = (centres >= -0.5) & (centres <= native_size - 0.5)
    np.testing.assert_allclose(matrix @ np.ones(native_size), inside.astype(float), atol=1e-5)
    positions = (np.arange(native_size) - origin) / step
    on_canvas = (positions >= -0.5) & (positions <= 255.5)
    back = to_native_matrix(native_size, 256, step, origin)
    np.testing.assert_allclose(back @ np.ones(256), on_canvas.astype(float), atol=1e-5)


@given(grids)
def test_a_ramp_is_reproduced_where_the_kernel_does_not_meet_the_border(grid):
    native_size, step, origin = grid
    centres = origin + step * np.arange(256)
    width = max(1.0, step)
    away_from_border = (centres >= width) & (centres <= native_size - 1 - width)
    values = to_network_matrix(native_size, 256, step, origin) @ np.arange(native_size, dtype=np.float64)
    # A triangle of a width that is no whole number of pixels ripples by a fraction of a pixel.
    tolerance = 1e-4 * native_size if step <= 1 else 0.2
    np.testing.assert_allclose(values[away_from_border], centres[away_from_border], atol=tolerance)
    positions = (np.arange(native_size) - origin) / step
    between = (positions >= 0) & (positions <= 255)
    back = to_native_matrix(native_size, 256, step, origin) @ np.arange(256, dtype=np.float64)
    np.testing.assert_allclose(back[between], positions[between], atol=1e-3)


def test_shrinking_does_not_alias():
    stripes = np.tile([0.0, 1.0], 512)
    shrunk = to_network_matrix(1024, 256, 4.0, 1.5) @ stripes
    np.testing.assert_allclose(shrunk, 0.5, atol=0.05)


def test_rows_and_columns_are_resampled_each_by_its_own_matrix():
    images = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    rows, columns = to_network_matrix(3, 4, 0.7, 0.0), to_network_matrix(5, 6, 0.8, 0.1)
    expected = np.einsum("rR,cC,nRC->nrc", rows.toarray(), columns.toarray(), images)
    np.testing.assert_allclose(resample(images, rows, columns), expected, rtol=1e-5)
