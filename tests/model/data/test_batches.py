"""A batch is a function of the seed and its number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mamba_hunet.data.batches import UNKNOWN, BatchSettings, TrainingBatches
from mamba_hunet.data.cases import DataError, find_cases
from mamba_hunet.data.library import SliceStack, load_stacks, phantom_stacks, read_truth
from preprocess_service.pipeline import read_scan


@pytest.fixture
def stacks(data_folder: Path) -> list[SliceStack]:
    return load_stacks(find_cases(data_folder))


def test_a_batch_can_be_drawn_again(stacks: list[SliceStack]):
    settings = BatchSettings(batch_size=4, crop=64)
    first, second = (TrainingBatches(stacks, {}, settings, seed=7) for _ in range(2))
    for step in (0, 5):
        for one, other in zip(first[step], second[step], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(first[0][0], first[1][0])


def test_batches_have_the_shape_and_range_the_network_takes(stacks: list[SliceStack]):
    slices, targets = TrainingBatches(stacks, {}, BatchSettings(batch_size=6, crop=96), seed=0)[3]
    assert slices.shape == (6, 1, 96, 96)
    assert targets.shape == (6, 2, 96, 96)
    lesion = targets[:, 0]
    assert lesion.min() >= 0
    assert lesion.max() <= 1
    assert lesion.sum() > 0


@pytest.mark.parametrize("known", [True, False])
def test_the_brain_moves_with_the_image_where_it_is_known(stacks: list[SliceStack], known: bool):
    stack = replace(stacks[0], brains=stacks[0].images > -3 if known else None, brain_extracted=False)
    slices, targets = TrainingBatches([stack], {}, BatchSettings(batch_size=4, crop=96), seed=0)[0]
    brain = targets[:, 1]
    if known:
        assert brain.min() == 0
        assert slices[:, 0][brain == 1].mean() > slices[:, 0][brain == 0].mean() + 1
    else:
        assert (brain == UNKNOWN).all()


@pytest.mark.parametrize("known", [True, False])
def test_lesions_are_pasted_only_where_it_is_known_what_is_brain(stacks: list[SliceStack], known: bool):
    settings = BatchSettings(batch_size=8, crop=96, paste_share=1.0)
    bare = replace(
        stacks[0],
        targets=np.zeros_like(stacks[0].targets),
        lesion_slices=np.array([], np.intp),
        brains=np.ones(stacks[0].images.shape, bool) if known else None,
    )
    _, targets = TrainingBatches([bare], {}, settings, seed=0)[0]
    assert (targets[:, 0].sum() > 0) == known


def test_patients_give_lesions_to_paste_alike(stacks: list[SliceStack]):
    many = replace(stacks[0], patient="many")
    few = replace(stacks[0], patient="few", lesion_slices=stacks[0].lesion_slices[:1])
    batches = TrainingBatches([many, many, many, few], {}, BatchSettings(), seed=0)
    by_patient = [{id(patch) for patch in of_patient} for of_patient in batches._patches]
    assert len(by_patient[0]) > 3 * len(by_patient[1])
    rng = np.random.default_rng(0)
    of_few = sum(id(batches._draw_patch(rng)) in by_patient[1] for _ in range(400))
    assert 150 < of_few < 250


def test_it_is_known_of_a_phantom_where_its_brain_is():
    [stack] = phantom_stacks(1, seed=0)
    assert stack.brains is not None
    inside = stack.images[stack.brains]
    assert stack.brains[stack.targets > 0.5].all()
    assert 0.1 < stack.brains.mean() < 0.5
    assert np.median(inside) > np.median(stack.images) + 1


def test_a_source_of_weight_zero_is_never_drawn(stacks: list[SliceStack]):
    batches = TrainingBatches(stacks, {"north": 0.0}, BatchSettings(), seed=0)
    rng = np.random.default_rng(0)
    assert {batches._draw_stack(rng).source for _ in range(50)} == {"south"}


def test_thick_slices_average_image_and_truth_alike(stacks: list[SliceStack]):
    drawn = stacks[0].thick_slice(2, thickness=2)
    assert np.allclose(drawn.image, stacks[0].images[1:3].astype(np.float32).mean(0), atol=1e-2)
    assert 0 < drawn.lesion.max() <= 1


def test_a_truth_on_another_grid_is_refused_by_name(data_folder: Path):
    scan = read_scan(data_folder / "north" / "a1" / "flair.nii.gz", file_name="a1")
    scan.affine[0, 3] += 5
    with pytest.raises(DataError, match=r"lesions\.nii\.gz.*grid"):
        read_truth(data_folder / "north" / "a1" / "lesions.nii.gz", scan)
