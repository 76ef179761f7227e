"""Synthetic scans on a template's anatomy: lesions lie in tissue, and every draw is another scan."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from mamba_hunet.data.cases import DataError
from mamba_hunet.data.library import template_stacks
from mamba_hunet.data.smooth_volume import smooth_volume
from mamba_hunet.data.template import FLUID_T1, GREY_T1, WHITE_T1, Template, read_template
from mamba_hunet.data.template_lesions import Tissue, draw_lesions
from mamba_hunet.data.template_scans import _bend, _scan, draw_scan

SHAPE = (72, 84, 64)
AFFINE = np.array([[1.0, 0, 0, -36], [0, 1, 0, -42], [0, 0, 1, -32], [0, 0, 0, 1]])


def ball(radius: float, centre: tuple[float, float, float] = (36, 42, 32)) -> np.ndarray:
    grid = np.indices(SHAPE).astype(np.float32)
    return np.sqrt(sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))) < radius


@pytest.fixture(scope="module")
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head of nested balls: scalp, skull, grey matter, white matter, a ventricle."""
    folder = tmp_path_factory.mktemp("template")
    t1 = np.zeros(SHAPE, np.float32)
    for radius, level in ((31, 200.0), (29, 10.0), (27, GREY_T1), (23, WHITE_T1), (6, FLUID_T1)):
        t1[ball(radius)] = level
    brain, region = ball(27), np.where(ball(27), 1, 0)
    region[:, :, :14] = 91
    region[30:42, :, :] = 0
    for name, volume in (("ch2", t1), ("ch2bet", t1 * brain), ("aal", region)):
        nibabel.Nifti1Image(volume.astype(np.uint8), AFFINE).to_filename(folder / f"{name}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def template(template_folder: Path) -> Template:
    return read_template(template_folder)


def test_the_ventricle_is_the_fluid_in_the_middle(template: Template):
    ventricle = template.ventricle_mm == 0
    assert np.all(ventricle[ball(4.5)])
    assert not np.any(ventricle[~ball(6)])


def test_a_missing_template_names_the_file_and_the_package(tmp_path: Path):
    with pytest.raises(DataError, match=r"ch2\.nii\.gz.*mricron-data"):
        read_template(tmp_path)


def test_what_aal_leaves_out_below_the_tentorium_is_the_brain_stem(template: Template):
    stem = template.region == 117
    assert stem[36, 28, 16]
    assert not stem[36, 28, 24]
    assert not stem[36, 36, 16]
    assert not stem[26, 28, 16]


def test_a_template_without_a_fourth_ventricle_has_none_at_any_distance(template: Template):
    assert np.isinf(template.fourth_ventricle_mm).all()


def test_the_tissue_at_a_ventricle_is_never_taken_for_cortex(template: Template):
    _, tissue = _bend(template, np.random.default_rng(0))
    wall = (tissue.ventricle_mm > 0) & (tissue.ventricle_mm < 2) & (tissue.region == 0) & (tissue.brain > 0.99)
    assert wall.any()
    assert tissue.grey[wall].max() == 0
    np.testing.assert_allclose(tissue.white[wall] + tissue.fluid[wall], 1, atol=1e-3)


@pytest.mark.parametrize("seed", range(4, 12))
def test_a_ventricle_is_widened_to_both_sides_alike(template: Template, seed: int):
    """Half of the draws are mirrored. Where a wall were moved the wrong way, tissue would be missing at it."""
    _, tissue = _bend(template, np.random.default_rng(seed))
    steps = np.abs(np.diff(tissue.ventricle_mm, axis=0))
    assert steps[tissue.ventricle_mm[1:] < 8].max() < 2


@pytest.mark.parametrize("wavelength", [5.0, 12.0])
def test_smooth_volumes_have_unit_variance(wavelength: float):
    volume = smooth_volume(np.random.default_rng(0), (96, 96, 96), wavelength)
    assert volume.std() == pytest.approx(1, abs=0.1)


def tissue_of(template: Template, white: np.ndarray, grey: np.ndarray) -> Tissue:
    nothing = np.zeros(SHAPE, np.float32)
    white, grey = white.astype(np.float32), grey.astype(np.float32)
    fourth_mm = np.where(ball(12, (36, 30, 8)), 3.0, 100.0).astype(np.float32)
    brain, region, ventricle_mm = white + grey, template.region, template.ventricle_mm
    return Tissue(nothing, grey, white, brain, region, ventricle_mm, fourth_mm, pyramidal=nothing, septum=nothing)


def test_lesions_lie_at_the_fourth_ventricle_more_than_elsewhere_below(template: Template):
    white = np.ones(SHAPE, bool)
    tissue = tissue_of(template, white, ~white)
    share = sum(draw_lesions(tissue, np.random.default_rng(seed)) for seed in range(40))
    at_fourth = tissue.fourth_ventricle_mm < 6
    elsewhere = (template.region >= 91) & ~at_fourth
    assert share[at_fourth].mean() > 1.5 * share[elsewhere].mean()


def test_lesions_lie_in_the_vermis_though_none_of_it_is_white(template: Template):
    tissue = tissue_of(template, np.zeros(SHAPE, bool), np.ones(SHAPE, bool))
    share = sum(draw_lesions(tissue, np.random.default_rng(seed)) for seed in range(40))
    below = template.region >= 91
    assert share[below & (tissue.fourth_ventricle_mm < 6)].max() > 0.5


def test_coils_shade_from_crown_to_neck(template: Template):
    """Some scans are a quarter brighter below than above, and some the other way round or not at all."""
    ratios = []
    for seed in range(16):
        shaded = _scan(np.ones(SHAPE, np.float32), np.random.default_rng(seed))
        ratios.append(shaded[..., :8].mean() / shaded[..., -8:].mean())
    assert max(ratios) > 1.25
    assert min(ratios) < 0.95
    assert np.median(ratios) > 1


def test_what_is_bright_outside_the_brain_is_no_lesion(template: Template):
    whole_heads = [
        scan for seed in range(10) if not (scan := draw_scan(template, np.random.default_rng(seed))).brain_extracted
    ]
    brighter = 0
    for scan in whole_heads:
        outside = scan.brain == 0
        assert scan.lesions[outside].max() == 0
        brighter += scan.flair[outside].max() > np.median(scan.flair[ball_of(scan.flair.shape)])
    assert brighter > len(whole_heads) / 2


def test_lesions_lie_in_white_and_grey_matter_only(template: Template):
    white, grey = ball(23) & ~ball(6), ball(27) & ~ball(23)
    share = np.zeros(SHAPE)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        share = np.maximum(share, draw_lesions(tissue_of(template, white, grey), rng))
    assert share[white].max() > 0.9
    assert share[~(white | grey)].max() == 0.0


def test_lesions_are_brighter_than_the_tissue_they_lie_in(template: Template):
    rises = []
    for seed in range(10):
        scan = draw_scan(template, np.random.default_rng(seed))
        lesion, tissue = scan.lesions > 0.9, ball_of(scan.flair.shape) & (scan.lesions < 0.1)
        if np.count_nonzero(lesion) > 10:
            rises.append(np.median(scan.flair[lesion]) - np.median(scan.flair[tissue]))
    assert len(rises) >= 3
    assert min(rises) > 0


def ball_of(shape: tuple[int, ...]) -> np.ndarray:
    """The inner half of the grid in each direction: brain whatever the bending was."""
    middle = np.zeros(shape, bool)
    middle[tuple(slice(side // 3, side - side // 3) for side in shape)] = True
    return middle


def test_a_scan_is_a_function_of_its_seed(template: Template):
    first, again, other = (draw_scan(template, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.flair, again.flair)
    assert first.flair.shape != other.flair.shape or not np.array_equal(first.flair, other.flair)


@pytest.mark.parametrize("seed", range(8))
def test_thick_slices_lie_where_the_thin_ones_were(template: Template, seed: int):
    scan = draw_scan(template, np.random.default_rng(seed))
    corners = (scan.affine @ np.array([(0, 0, 0, 1.0), (*(side - 1 for side in scan.flair.shape), 1.0)]).T)[:3]
    spacing = np.linalg.norm(scan.affine[:3, :3], axis=0)
    low, high = corners.min(axis=1) - spacing / 2, corners.max(axis=1) + spacing / 2
    assert np.all(low >= AFFINE[:3, 3] - 0.5 - 1e-6)
    assert np.all(high <= AFFINE[:3, 3] + np.array(SHAPE) - 0.5 + 1e-6)


def test_it_is_known_whether_a_scan_shows_the_brain_alone(template: Template):
    scans = [draw_scan(template, np.random.default_rng(seed)) for seed in range(12)]
    assert {scan.brain_extracted for scan in scans} == {True, False}
    for scan in scans:
        assert (np.mean(scan.flair == 0) > 0.2) == scan.brain_extracted


def test_stacks_hold_images_and_targets_of_one_shape(template: Template):
    stacks = template_stacks(template, 2, seed=0)
    assert [stack.patient for stack in stacks] == ["template-0", "template-1"]
    for stack in stacks:
        assert stack.images.shape == stack.targets.shape == (len(stack.images), 256, 256)
