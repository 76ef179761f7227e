import numpy as np
import pytest
from hunet_client.lesions import CONFIDENCE_ML, DEFAULT_MIN_LESION_ML, DEFAULT_THRESHOLD, find_lesions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

IDENTITY = np.eye(4)
MM = (1.0, 1.0, 1.0)


def volume_with_boxes(*boxes: tuple[tuple[int, int, int], tuple[int, int, int]], shape=(20, 20, 20), probability=0.9):
    volume = np.zeros(shape, dtype=np.float32)
    for start, stop in boxes:
        volume[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = probability
    return volume


def test_no_lesion_is_an_empty_result():
    found = find_lesions(np.zeros((4, 5, 6), np.float32), IDENTITY, MM)
    assert found.lesions == ()
    assert found.total_volume_ml == 0
    assert found.mask.shape == (4, 5, 6)
    assert found.mask.dtype == np.uint8
    assert not found.mask.any()


def test_describes_one_lesion():
    volume = volume_with_boxes(((2, 3, 4), (4, 6, 8)), probability=0.75)
    volume[2, 3, 4] = 1.0
    (lesion,) = find_lesions(volume, IDENTITY, (1.0, 2.0, 3.0)).lesions
    assert lesion.index == 1
    assert lesion.voxels == 24
    assert lesion.volume_ml == pytest.approx(24 * 6 / 1000)
    assert lesion.centroid_mm == pytest.approx((2.5, 4.0, 5.5))
    assert lesion.max_probability == 1.0
    assert lesion.mean_probability == pytest.approx((23 * 0.75 + 1) / 24)
    assert lesion.box_start == (2, 3, 4)
    assert lesion.box_stop == (4, 6, 8)


def test_largest_lesion_comes_first():
    volume = volume_with_boxes(((0, 0, 0), (3, 3, 3)), ((6, 6, 6), (12, 12, 12)), ((15, 15, 15), (19, 19, 19)))
    found = find_lesions(volume, IDENTITY, MM)
    assert [lesion.voxels for lesion in found.lesions] == [216, 64, 27]
    assert [lesion.index for lesion in found.lesions] == [1, 2, 3]
    for lesion in found.lesions:
        assert np.count_nonzero(found.labels == lesion.index) == lesion.voxels


def test_lesions_that_touch_by_a_corner_are_one():
    volume = volume_with_boxes(((0, 0, 0), (3, 3, 3)), ((3, 3, 3), (6, 6, 6)))
    assert len(find_lesions(volume, IDENTITY, MM).lesions) == 1


def test_a_voxel_at_the_threshold_is_lesion():
    volume = volume_with_boxes(((0, 0, 0), (3, 3, 3)), probability=DEFAULT_THRESHOLD)
    assert find_lesions(volume, IDENTITY, MM).mask.sum() == 27
    below = np.nextafter(volume, np.float32(0))
    assert find_lesions(below, IDENTITY, MM).mask.sum() == 0


def test_smallest_lesion_is_kept_and_the_next_smaller_dropped():
    ten_voxels = ((0, 0, 0), (1, 1, 10))
    nine_voxels = ((5, 5, 0), (6, 6, 9))
    found = find_lesions(volume_with_boxes(ten_voxels, nine_voxels), IDENTITY, MM)
    assert pytest.approx(10 * 0.001) == DEFAULT_MIN_LESION_ML
    assert [lesion.voxels for lesion in found.lesions] == [10]
    assert found.mask.sum() == 10


def test_smallest_lesion_is_a_volume_not_a_voxel_count():
    two_voxels = volume_with_boxes(((0, 0, 0), (1, 1, 2)))
    assert find_lesions(two_voxels, IDENTITY, (1.0, 1.0, 6.0)).mask.sum() == 2
    assert find_lesions(two_voxels, IDENTITY, (1.0, 1.0, 4.0)).mask.sum() == 0


@given(
    offset=st.tuples(*[st.integers(0, 8)] * 3),
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    rotation=st.tuples(*[st.floats(-3, 3)] * 3),
    translation_mm=st.tuples(*[st.floats(-200, 200)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 5)] * 3),
)
def test_centroid_follows_an_oblique_affine(offset, shape, rotation, translation_mm, spacing):
    affine = oblique_affine(rotation, translation_mm, spacing)
    stop = tuple(a + b for a, b in zip(offset, shape, strict=True))
    volume = volume_with_boxes((offset, stop), shape=(12, 12, 12))
    (lesion,) = find_lesions(volume, affine, spacing, min_lesion_ml=0).lesions
    centre = [(a + b - 1) / 2 for a, b in zip(offset, stop, strict=True)]
    np.testing.assert_allclose(lesion.centroid_mm, (affine @ [*centre, 1])[:3], atol=1e-9)
    assert lesion.volume_ml == pytest.approx(abs(np.linalg.det(affine[:3, :3])) * np.prod(shape) / 1000)


probabilities = arrays(np.float32, (6, 6, 6), elements=st.sampled_from([np.float32(v) for v in (0, 0, 0, 0.2, 0.6, 1)]))


@given(volume=probabilities, shift=st.tuples(*[st.integers(0, 5)] * 3))
@settings(max_examples=50)
def test_moving_the_volume_moves_the_lesions_and_nothing_else(volume, shift):
    before = find_lesions(volume, IDENTITY, MM, min_lesion_ml=0.002)
    moved = np.pad(volume, [(s, 5 - s) for s in shift])
    after = find_lesions(moved, IDENTITY, MM, min_lesion_ml=0.002)
    assert [lesion.voxels for lesion in after.lesions] == [lesion.voxels for lesion in before.lesions]
    for old, new in zip(before.lesions, after.lesions, strict=True):
        np.testing.assert_allclose(np.subtract(new.centroid_mm, old.centroid_mm), shift, atol=1e-9)


@given(volume=probabilities)
@settings(max_examples=50)
def test_mask_labels_and_table_agree(volume):
    found = find_lesions(volume, IDENTITY, MM, min_lesion_ml=0.003)
    assert found.total_volume_ml == pytest.approx(found.mask.sum() / 1000)
    np.testing.assert_array_equal(found.mask > 0, found.labels > 0)
    for lesion in found.lesions:
        voxels = np.argwhere(found.labels == lesion.index)
        assert len(voxels) == lesion.voxels >= 3
        assert tuple(voxels.min(axis=0)) == lesion.box_start
        assert tuple(voxels.max(axis=0) + 1) == lesion.box_stop
        assert lesion.max_probability == volume[found.labels == lesion.index].max()
        assert 0.5 <= lesion.mean_probability <= lesion.max_probability


def confidence_at(voxel, volume, spacing_mm=MM):
    """Confidence of the lesion that this voxel belongs to, None outside lesions."""
    found = find_lesions(volume, IDENTITY, spacing_mm, min_lesion_ml=0)
    index = int(found.labels[voxel])
    return found.lesions[index - 1].confidence if index else None


@pytest.mark.parametrize(
    ("side_voxels", "probability", "expected"),
    [
        pytest.param(5, 0.8, 0.8, id="a large lesion's own probability"),
        pytest.param(3, 0.8, 0.8, id="27 mm3 are enough"),
        pytest.param(2, 0.9, 0.9 * 8 / 27, id="what a small one lacks counts as 0"),
    ],
)
def test_confidence_is_the_probability_of_the_surest_27_mm3(side_voxels, probability, expected):
    volume = volume_with_boxes(((4, 4, 4), (4 + side_voxels,) * 3), probability=probability)
    assert confidence_at((4, 4, 4), volume) == pytest.approx(expected, rel=1e-6)


def test_an_unsure_rim_does_not_lower_the_confidence():
    volume = volume_with_boxes(((4, 4, 4), (9, 9, 9)), probability=0.55)
    volume[5:8, 5:8, 5:8] = 0.95
    assert confidence_at((5, 5, 5), volume) == pytest.approx(0.95)


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 5.0), (2.0, 2.0, 4.0), (0.9, 0.9, 3.3)])
def test_voxels_of_any_size_make_up_the_27_mm3(spacing_mm):
    volume = volume_with_boxes(((2, 2, 2), (9, 9, 9)), probability=0.7)
    volume[4, 4, 4] = 1.0
    of_voxel = min(1.0, np.prod(spacing_mm) / (1000 * CONFIDENCE_ML))
    assert confidence_at((4, 4, 4), volume, spacing_mm) == pytest.approx(of_voxel + 0.7 * (1 - of_voxel), rel=1e-6)


@given(seed=st.integers(0, 10**6), place=st.tuples(st.integers(0, 1), *[st.integers(0, 2)] * 2))
@settings(max_examples=100)
def test_raising_a_probability_never_lowers_a_confidence(seed, place):
    rng = np.random.default_rng(seed)
    volume = rng.random((2, 3, 3), dtype=np.float32)
    higher = rng.random(dtype=np.float32)
    raised = volume.copy()
    raised[place] = max(higher, volume[place])
    for voxel in map(tuple, np.argwhere(volume >= DEFAULT_THRESHOLD)):
        before, after = confidence_at(voxel, volume), confidence_at(voxel, raised)
        assert 0 < before <= 1
        assert after >= before - 1e-12


@given(volume=probabilities, other=probabilities)
@settings(max_examples=50)
def test_confidence_does_not_depend_on_other_lesions(volume, other):
    both = np.concatenate([volume, np.zeros_like(volume[:1]), other])
    voxels = np.argwhere(volume >= DEFAULT_THRESHOLD)
    alone = [confidence_at(tuple(voxel), volume) for voxel in voxels[::5]]
    assert [confidence_at(tuple(voxel), both) for voxel in voxels[::5]] == pytest.approx(alone, rel=1e-12)


@given(volume=probabilities)
@settings(max_examples=50)
def test_memory_layout_does_not_matter(volume):
    row_major = find_lesions(volume, IDENTITY, MM, min_lesion_ml=0)
    column_major = find_lesions(np.asfortranarray(volume), IDENTITY, MM, min_lesion_ml=0)
    np.testing.assert_array_equal(row_major.labels, column_major.labels)
    assert row_major.lesions == column_major.lesions


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (0.1, 1.0)])
def test_a_higher_threshold_never_marks_more(low, high):
    volume = np.random.default_rng(1).random((10, 10, 10), dtype=np.float32)
    many = find_lesions(volume, IDENTITY, MM, threshold=low, min_lesion_ml=0).mask
    few = find_lesions(volume, IDENTITY, MM, threshold=high, min_lesion_ml=0).mask
    assert np.all(few <= many)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": np.zeros((4, 4), np.float32)}, "volume"),
        ({"probability": np.full((4, 4, 4), np.nan, np.float32)}, "outside"),
        ({"probability": np.full((4, 4, 4), 1.5, np.float32)}, "outside"),
        ({"affine": np.full((4, 4), np.inf)}, "affine"),
        ({"affine": np.eye(3)}, "affine"),
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "spacing_mm"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": 1.01}, "threshold"),
        ({"min_lesion_ml": -1.0}, "min_lesion_ml"),
    ],
)
def test_refuses_what_cannot_be_right(change, message):
    arguments = {
        "probability": np.zeros((4, 4, 4), np.float32),
        "affine": IDENTITY,
        "spacing_mm": MM,
    } | change
    with pytest.raises(ValueError, match=message):
        find_lesions(**arguments)


def oblique_affine(rotation, translation_mm, spacing):
    x, y, z = rotation
    turn_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn_x @ turn_y @ turn_z @ np.diag(spacing)
    affine[:3, 3] = translation_mm
    return affine
