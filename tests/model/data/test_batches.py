"""A batch is a function of the seed and its number."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mamba_hunet.data.batches import BatchSettings, TrainingBatches
from mamba_hunet.data.cases import DataError, find_cases
from mamba_hunet.data.library import SliceStack, load_stacks, read_truth
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
    assert slices.shape == targets.shape == (6, 1, 96, 96)
    assert targets.min() >= 0
    assert targets.max() <= 1
    assert targets.sum() > 0


def test_a_source_of_weight_zero_is_never_drawn(stacks: list[SliceStack]):
    batches = TrainingBatches(stacks, {"north": 0.0}, BatchSettings(), seed=0)
    rng = np.random.default_rng(0)
    assert {batches._draw_stack(rng).source for _ in range(50)} == {"south"}


def test_thick_slices_average_image_and_truth_alike(stacks: list[SliceStack]):
    image, target = stacks[0].thick_slice(2, thickness=2)
    assert np.allclose(image, stacks[0].images[1:3].astype(np.float32).mean(0), atol=1e-2)
    assert 0 < target.max() <= 1


def test_a_truth_on_another_grid_is_refused_by_name(data_folder: Path):
    scan = read_scan(data_folder / "north" / "a1" / "flair.nii.gz", file_name="a1")
    scan.affine[0, 3] += 5
    with pytest.raises(DataError, match=r"lesions\.nii\.gz.*grid"):
        read_truth(data_folder / "north" / "a1" / "lesions.nii.gz", scan)
