from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from hypothesis import given, settings
from hypothesis import strategies as st
from mamba_hunet.phantom import PhantomSettings, make_phantom, random_settings
from mamba_hunet.phantom.image import scan_grid
from mamba_hunet.phantom.noise import band_noise, distance_to_zero
from mamba_hunet.phantom.shapes import ellipsoid, inside, smooth_union, tube


def coarse(seed=0, *, spacing_mm=(2.0, 2.0, 5.0), **scan):
    """Settings that are quick to synthesise."""
    default = PhantomSettings(seed=seed)
    return replace(default, scan=replace(default.scan, spacing_mm=spacing_mm, **scan))


# Phantoms that several tests look at are made once.
made = cache(make_phantom)


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(coarse(seed=5, spacing_mm=(1.5, 1.5, 3.0), noise=0.02))


@pytest.fixture(scope="module")
def truth(phantom):
    return find_lesions(phantom.lesions.astype(np.float32), phantom.affine, phantom.spacing_mm, min_lesion_ml=0)


def test_equal_settings_give_equal_voxels():
    first, second = made(coarse(seed=3)), make_phantom(coarse(seed=3))
    np.testing.assert_array_equal(first.flair, second.flair)
    np.testing.assert_array_equal(first.lesions, second.lesions)
    np.testing.assert_array_equal(first.affine, second.affine)


def test_another_seed_gives_another_head_with_other_lesions():
    first, second = made(coarse(seed=3)), made(coarse(seed=4))
    assert np.abs(first.flair.astype(int) - second.flair).mean() > 5
    assert (first.lesions != second.lesions).any()


def test_a_slab_is_a_part_of_the_scan():
    whole = made(coarse(seed=3))
    slab = make_phantom(coarse(seed=3), slices=range(12, 15))
    np.testing.assert_array_equal(slab.flair, whole.flair[:, :, 12:15])
    np.testing.assert_array_equal(slab.lesions, whole.lesions[:, :, 12:15])
    np.testing.assert_allclose(slab.affine @ [7, 9, 1, 1], whole.affine @ [7, 9, 13, 1])


@pytest.mark.parametrize("slices", [range(-1, 2), range(0, 10_000), range(0), range(0, 6, 2)])
def test_a_slab_outside_the_scan_is_refused(slices):
    with pytest.raises(ValueError, match="slices"):
        make_phantom(coarse(), slices=slices)


def test_every_lesion_lies_where_it_was_drawn(phantom, truth):
    centres = np.array([lesion.centre_mm for lesion in phantom.placed])
    reach = np.array([lesion.reach_mm for lesion in phantom.placed])
    assert len(truth.lesions) >= 0.8 * len(phantom.placed)
    for lesion in truth.lesions:
        distance = np.linalg.norm(centres - lesion.centroid_mm, axis=1)
        assert (distance < reach).any()


def test_nearly_every_drawn_lesion_is_in_the_mask(phantom):
    to_voxel = np.linalg.inv(phantom.affine)
    marked = np.argwhere(phantom.lesions) @ phantom.affine[:3, :3].T + phantom.affine[:3, 3]
    seen = [np.linalg.norm(marked - lesion.centre_mm, axis=1).min() < lesion.reach_mm for lesion in phantom.placed]
    assert np.mean(seen) >= 0.85
    inside_grid = [(to_voxel @ [*lesion.centre_mm, 1])[:3] for lesion in phantom.placed]
    assert (np.array(inside_grid) > 0).all()
    assert (np.array(inside_grid) < phantom.flair.shape).all()


def test_lesions_are_brighter_than_white_matter(phantom):
    level = phantom.settings.scan.white_matter_level
    values = phantom.flair[phantom.lesions > 0]
    assert np.median(values) > 1.2 * level
    assert np.mean(values > level) > 0.9


def test_no_lesions_where_none_are_wanted():
    phantom = made(coarse(seed=3).without_lesions())
    assert phantom.placed == ()
    assert not phantom.lesions.any()
    assert phantom.lesion_ml == 0


def test_lesions_change_nothing_but_their_own_place():
    with_lesions, without = made(coarse(seed=3)), made(coarse(seed=3).without_lesions())
    changed = np.argwhere(with_lesions.flair != without.flair)
    positions = changed @ with_lesions.affine[:3, :3].T + with_lesions.affine[:3, 3]
    centres = np.array([lesion.centre_mm for lesion in with_lesions.placed])
    reach = np.array([lesion.reach_mm for lesion in with_lesions.placed])
    distance = np.linalg.norm(positions[:, None] - centres[None], axis=2)
    # Half a slice and the point spread reach a little further than the lesion itself.
    assert (distance < reach + 6.0).any(axis=1).all()


def test_brain_extraction_leaves_the_brain_and_its_lesions():
    whole, extracted = made(coarse(seed=3)), made(coarse(seed=3, brain_extracted=True))
    brain_ml = np.count_nonzero(extracted.flair) * np.prod(extracted.spacing_mm) / 1000
    assert 1000 < brain_ml < 2200
    assert np.count_nonzero(whole.flair > 20) > 1.3 * np.count_nonzero(extracted.flair)
    assert extracted.lesion_ml == pytest.approx(whole.lesion_ml, rel=0.1)


def test_tissues_have_the_contrast_of_flair(phantom):
    level = phantom.settings.scan.white_matter_level
    to_voxel = np.linalg.inv(phantom.affine)

    def around(x_mm, y_mm, z_mm):
        i, j, k = np.rint(to_voxel @ [x_mm, y_mm, z_mm, 1])[:3].astype(int)
        return float(np.median(phantom.flair[i - 1 : i + 2, j - 1 : j + 2, k]))

    fluid = min(around(side * 8, y, 19) for side in (-1, 1) for y in (-12, -6, 0))
    air = around(0, 95, 80)
    scalp = phantom.flair[:, :, phantom.flair.shape[2] // 2].max()
    assert air < 0.15 * level
    assert fluid < 0.6 * level
    assert scalp > 1.4 * level


orientations = st.sampled_from(["RAS", "LPS", "LAS", "PSR", "ASL", "RSA", "LSP", "SAR"])
angles = st.floats(-25, 25)


@given(orientation=orientations, tilt_deg=st.tuples(angles, angles, angles))
@settings(max_examples=40)
def test_the_grid_is_rigid_and_centred_on_the_head(orientation, tilt_deg):
    chosen = coarse(orientation=orientation, tilt_deg=tilt_deg, spacing_mm=(1.0, 1.5, 4.0))
    grid = scan_grid(chosen)
    np.testing.assert_allclose(np.linalg.norm(grid.affine[:3, :3], axis=0), chosen.scan.spacing_mm)
    directions = grid.affine[:3, :3] / chosen.scan.spacing_mm
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)
    centre = grid.affine @ [*(np.array(grid.shape) - 1) / 2, 1]
    reference = scan_grid(coarse())
    reference_centre = reference.affine @ [*(np.array(reference.shape) - 1) / 2, 1]
    np.testing.assert_allclose(centre, reference_centre, atol=1e-9)


@pytest.mark.parametrize(
    ("orientation", "tilt_deg"),
    [("LPS", (0, 0, 0)), ("RAS", (-15, 5, 8)), ("ASR", (10, 0, 0)), ("RIA", (0, -8, 4))],
)
def test_lesions_keep_their_place_in_the_patient_whatever_the_grid(orientation, tilt_deg):
    isotropic = {"spacing_mm": (2.5, 2.5, 2.5)}
    straight = made(coarse(seed=8, **isotropic))
    turned = make_phantom(coarse(seed=8, orientation=orientation, tilt_deg=tilt_deg, **isotropic))
    for lesion in find_lesions(straight.lesions.astype(np.float32), straight.affine, straight.spacing_mm).lesions[:6]:
        i, j, k = np.rint(np.linalg.inv(turned.affine) @ [*lesion.centroid_mm, 1])[:3].astype(int)
        assert turned.lesions[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].any()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_random_settings_are_reproducible_and_valid(seed):
    drawn = random_settings(np.random.default_rng(seed))
    assert drawn == random_settings(np.random.default_rng(seed))
    assert drawn.contrast.csf < drawn.contrast.white_matter < 1.0
    assert drawn.lesions.diameter_mm[0] < drawn.lesions.diameter_mm[1]
    assert drawn.lesions.contrast[0] < drawn.lesions.contrast[1]
    assert max(scan_grid(drawn).shape) < 400


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_head_is_a_scan(seed):
    drawn = random_settings(np.random.default_rng(seed))
    middle = scan_grid(drawn).shape[2] // 2
    slab = make_phantom(drawn, slices=range(middle, middle + 2))
    assert slab.flair.dtype == np.int16
    assert slab.flair.min() >= 0
    assert slab.flair.std() > 0.2 * drawn.scan.white_matter_level


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spacing_mm": (1.0, 0.0, 1.0)}, "spacing_mm"),
        ({"orientation": "RRS"}, "orientation"),
        ({"orientation": "XYZ"}, "orientation"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        coarse(**change)


def test_a_negative_lesion_count_is_refused():
    default = PhantomSettings()
    with pytest.raises(ValueError, match="count"):
        replace(default, lesions=replace(default.lesions, count=-1))


def test_band_noise_has_its_wavelength():
    field = band_noise(np.random.default_rng(0), 24.0, spacing_mm=3.0, size=64)
    assert field.values.std() == pytest.approx(1.0, abs=1e-3)
    power = np.abs(np.fft.rfft(field.values, axis=2)) ** 2
    frequency = np.fft.rfftfreq(64, 3.0)
    # Along one axis the waves of a field of 24 mm look longer, never much shorter.
    assert power[..., frequency > 2 / 24.0].sum() < 0.02 * power.sum()


def test_a_field_is_periodic():
    field = band_noise(np.random.default_rng(0), 24.0, spacing_mm=3.0, size=32)
    x, y, z = np.random.default_rng(1).uniform(-50, 50, (3, 100)).astype(np.float32)
    np.testing.assert_allclose(field(x + 96.0, y, z - 96.0), field(x, y, z), atol=2e-3)


def test_distance_to_a_flat_sheet_is_the_distance():
    n = 32
    wave = np.sin(2 * np.pi * np.arange(n) / n)
    field = replace(band_noise(np.random.default_rng(0), 24.0, spacing_mm=1.0, size=n), values=np.tile(wave, (n, n, 1)))
    distance = distance_to_zero(field, limit_mm=5.0)
    zeros = np.zeros(5, np.float32)
    z = np.array([-1.5, -0.5, 0.0, 0.5, 1.5], np.float32)
    np.testing.assert_allclose(distance(zeros, zeros, z), z, atol=0.1)


@given(
    scale=st.floats(0.2, 3.0),
    direction=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda d: np.linalg.norm(d) > 0.1),
)
def test_a_ball_knows_its_distance(scale, direction):
    unit = np.array(direction) / np.linalg.norm(direction)
    x, y, z = (np.array([value]) for value in unit * 10.0 * scale)
    assert ellipsoid(x, y, z, (0, 0, 0), (10, 10, 10))[0] == pytest.approx(10.0 * (scale - 1.0), abs=1e-6)


def test_a_tube_is_as_thick_as_its_radius_says():
    x, y, z = (np.array(values) for values in ([0.0, 3.0, 0.0], [5.0, 5.0, 14.0], [0.0, 0.0, 0.0]))
    np.testing.assert_allclose(tube(x, y, z, ((0, 0, 0), (0, 10, 0)), (2.0, 2.0)), [-2.0, 1.0, 2.0])


@given(a=st.floats(-20, 20), b=st.floats(-20, 20), rounding_mm=st.floats(0.5, 10))
def test_a_smooth_union_holds_both_and_little_more(a, b, rounding_mm):
    united = smooth_union(np.array([a]), np.array([b]), rounding_mm)[0]
    assert min(a, b) - rounding_mm / 4 - 1e-6 <= united <= min(a, b) + 1e-6


def test_partial_volume_is_a_ramp_about_the_surface():
    share = inside(np.array([-5.0, -0.25, 0.0, 0.25, 5.0]), 1.0)
    np.testing.assert_allclose(share, [1.0, 0.75, 0.5, 0.25, 0.0])
