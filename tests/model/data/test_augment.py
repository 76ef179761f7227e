"""Augmentation keeps shape, range and the tie between image and target, and depends on its generator alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.data import augment
from mamba_hunet.data.head_shell import draw_head_shell
from mamba_hunet.data.lesion_paste import cut_lesions, draw_blob, paste_lesion

SIDE = 96


def brain(lesion_at: tuple[int, int] = (40, 50)) -> tuple[np.ndarray, np.ndarray]:
    """A disc of tissue about 0 on a background of -6, with a lesion of +3."""
    rows, columns = np.indices((SIDE, SIDE))
    image = np.where(np.hypot(rows - 48, columns - 48) < 36, 0.0, -6.0).astype(np.float32)
    target = (np.hypot(rows - lesion_at[0], columns - lesion_at[1]) < 4).astype(np.float32)
    return image + 3 * target, target


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_intensity_changes_keep_shape_range_and_type(seed: int):
    image, _ = brain()
    varied = augment.vary_intensity(np.random.default_rng(seed), image)
    assert varied.shape == image.shape
    assert varied.dtype == np.float32
    assert np.isfinite(varied).all()
    assert np.abs(varied).max() <= augment.Z_LIMIT


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_target_moves_with_the_image(seed: int):
    image, target = brain()
    moved, (moved_target,) = augment.vary_geometry(np.random.default_rng(seed), image, [target], 64, (48, 48))
    assert moved.shape == moved_target.shape == (64, 64)
    if (moved_target > 0.9).any():
        assert moved[moved_target > 0.9].mean() > moved[moved_target < 0.1].max() - 0.5


def test_the_same_generator_gives_the_same_picture():
    image, _ = brain()
    first, second = (augment.vary_intensity(np.random.default_rng(5), image) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_pasted_lesion_is_bright_marked_and_leaves_the_original_alone():
    image, target = brain()
    before = image.copy()
    everywhere, blob = np.ones(image.shape, bool), draw_blob(np.random.default_rng(1))
    pasted, pasted_target = paste_lesion(np.random.default_rng(0), image, target, everywhere, blob)
    new = (pasted_target > 0.9) & (target < 0.1)
    assert new.any()
    assert (pasted[new] > before[new] + 0.5).all()
    assert np.array_equal(image, before)


def test_a_cut_lesion_holds_its_contrast_over_the_tissue():
    (patch,) = cut_lesions(*brain())
    assert patch.contrast.max() == pytest.approx(3.0, abs=0.3)
    assert patch.share.sum() == pytest.approx(brain()[1].sum(), rel=0.05)


def test_a_lesions_contrast_is_over_tissue_and_not_over_the_fluid_beside_it():
    image, target = brain()
    (patch,) = cut_lesions(image, target)
    rows, _ = np.indices(image.shape)
    image[(rows > 37) & (target < 0.5)] = -5.0
    (beside_fluid,) = cut_lesions(image, target)
    assert beside_fluid.contrast.max() == pytest.approx(patch.contrast.max(), abs=0.1)


def test_what_nobody_can_see_is_not_cut():
    image, target = brain()
    assert cut_lesions(np.full_like(image, 0.3), target) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_pasted_lesion_ends_where_the_brain_ends(seed: int):
    image, target = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    left = np.zeros((SIDE, SIDE), bool)
    left[:, : SIDE // 2] = True
    rng = np.random.default_rng(seed)
    pasted, pasted_target = paste_lesion(rng, image, target, left, draw_blob(rng))
    assert pasted_target[left].max() > 0.5
    assert pasted_target[~left].max() == 0
    assert pasted[~left].max() == 0


def test_lesions_are_not_pasted_where_there_is_no_tissue():
    empty = np.full((SIDE, SIDE), -6.0, np.float32)
    blob = draw_blob(np.random.default_rng(1))
    everywhere = np.ones(empty.shape, bool)
    image, target = paste_lesion(np.random.default_rng(0), empty, np.zeros_like(empty), everywhere, blob)
    assert np.array_equal(image, empty)
    assert target.max() == 0


def test_lesions_are_not_pasted_outside_the_brain():
    image, target = brain()
    nowhere, blob = np.zeros(image.shape, bool), draw_blob(np.random.default_rng(1))
    pasted, pasted_target = paste_lesion(np.random.default_rng(0), image, target, nowhere, blob)
    assert np.array_equal(pasted, image)
    assert np.array_equal(pasted_target, target)


def test_a_drawn_head_leaves_the_brain_as_it_was():
    image, _ = brain()
    whole = draw_head_shell(np.random.default_rng(3), image)
    inside = image > -5
    assert np.array_equal(whole[inside], image[inside])
    assert whole[~inside].max() > image[~inside].max() + 1


def test_front_and_back_are_never_exchanged_but_sides_are():
    front = np.zeros((64, 64), np.float32)
    front[:, :20] = 1.0

    def is_on_the_left(share):
        return (share.sum(axis=0) @ np.arange(64.0)) / share.sum() < 31.5

    def draw(seed, sides_alike):
        rng = np.random.default_rng(seed)
        return augment.vary_geometry(rng, front, [front], 64, (32, 32), sides_alike=sides_alike)[1][0]

    assert all(is_on_the_left(draw(seed, False)) for seed in range(40))
    assert 10 < sum(is_on_the_left(draw(seed, True)) for seed in range(40)) < 30


def test_what_comes_from_outside_is_air_and_not_the_darkest_value():
    image = np.full((64, 64), -6.0, np.float32)
    image[20:44, 20:44] = 0.0
    image[19, 20:44] = -7.5
    moved, _ = augment.vary_geometry(np.random.default_rng(0), image, [], 128, (32, 32))
    assert moved[0, 0] == moved[-1, -1] == -6.0
