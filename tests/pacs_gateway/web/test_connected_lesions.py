"""Lesions that the page finds are those that the client finds."""

from __future__ import annotations

import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

MAP = arrays(
    np.uint8,
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 7)),
    elements=st.one_of(st.just(0), st.integers(0, 255)),
)
PAGE = """async ([values, dims, level, minVoxels]) => {
  const { lesionsAt } = await import("/assets/study/connected_lesions.js");
  const { MarkedVoxels } = await import("/assets/study/marked_voxels.js");
  const { thresholdCurve } = await import("/assets/study/threshold_curve.js");
  const marked = new MarkedVoxels(Uint8Array.from(values), dims);
  const { indices, numbers, lesions } = lesionsAt(marked, level, minVoxels);
  const { counts, voxels } = thresholdCurve(marked, minVoxels);
  return { indices: [...indices], numbers: [...numbers], lesions, count: counts[level], voxels: voxels[level] };
}"""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=MAP, level=st.integers(1, 255), min_voxels=st.integers(1, 4))
def test_the_page_marks_the_voxels_that_the_client_marks(modules, values, level, min_voxels):
    # The page has the first axis running fastest.
    page = modules.evaluate(PAGE, [values.ravel(order="F").tolist(), values.shape, level, min_voxels])
    ours = find_lesions(
        (values / np.float32(255)).astype(np.float32),
        np.eye(4),
        (10.0, 10.0, 10.0),
        threshold=(level - 0.25) / 255,
        min_lesion_ml=float(min_voxels),
    )

    marked = np.zeros(values.size, np.uint32)
    marked[page["indices"]] = page["numbers"]
    np.testing.assert_array_equal(marked.reshape(values.shape, order="F") > 0, ours.mask > 0)
    sizes = [lesion.voxels for lesion in ours.lesions]
    assert [lesion["voxels"] for lesion in page["lesions"]] == sizes
    assert (page["count"], page["voxels"]) == (len(sizes), sum(sizes)), "the curve"
    assert page["indices"] == sorted(page["indices"]), "in ascending order, as the viewer needs them"
    for number, lesion in enumerate(page["lesions"], start=1):
        voxels = np.argwhere(marked.reshape(values.shape, order="F") == number)
        center = voxels.mean(axis=0)
        np.testing.assert_allclose(lesion["center"], center, atol=1e-9)
        assert lesion["place"] in voxels.tolist(), "inside itself"
        nearest = np.linalg.norm(voxels - center, axis=1).min()
        assert np.linalg.norm(np.subtract(lesion["place"], center)) == pytest.approx(nearest)
        probabilities = values[tuple(voxels.T)] / 255
        assert (lesion["max"], lesion["mean"]) == pytest.approx((probabilities.max(), probabilities.mean()))


def test_a_lesion_is_visited_inside_itself(modules):
    # A ring: its centre is no part of it.
    ring = np.full((5, 5, 1), 200, np.uint8)
    ring[1:4, 1:4] = 0
    page = modules.evaluate(PAGE, [ring.ravel(order="F").tolist(), ring.shape, 128, 1])
    [lesion] = page["lesions"]
    assert lesion["center"] == [2, 2, 0]
    assert ring[tuple(lesion["place"])] == 200
    assert lesion["max"] == pytest.approx(200 / 255)
